import './setup/heap.ts'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { startCompanion, type Companion } from './compose.ts'
import { loadConfig, type Config } from './config/config.ts'
import { askHidden, canAsk } from './setup/hidden-input.ts'
import { JsonLog, openLogFile, type Log } from './observe/log.ts'
import { SiloError, errorText, toSiloError, toWire } from '#shared/errors/silo-error.ts'

/** Longest time from a signal to the end, ms; then the process ends whatever still goes on. */
const shutdownMs = 10_000

const { values } = parseArgs({ options: { json: { type: 'boolean', default: false } } })
const language = /^zh/i.test(process.env.LC_ALL || process.env.LC_MESSAGES || process.env.LANG || '') ? 'zh' : 'en' // prettier-ignore

let companion: Companion | undefined
let ending: Promise<never> | undefined
let log: Log | undefined

/** Ends the process with `code` once everything is closed, or after ten seconds. */
function end(code: number, why: string): Promise<never> {
  ending ??= (async () => {
    log?.info('stopping', { why })
    const timer = setTimeout(() => process.exit(code || 1), shutdownMs)
    timer.unref()
    try {
      await companion?.close()
    } catch (error) {
      log?.error('closing failed', { error })
    }
    log?.info('stopped')
    await flush()
    process.exit(code)
  })()
  return ending
}

let flush = async (): Promise<void> => {}

function openLog(config: Config): Log {
  const file = openLogFile(join(config.home, 'logs'))
  file.on('error', () => {})
  flush = () => new Promise((resolve) => file.end(() => resolve()))
  return new JsonLog((line) => {
    file.write(line)
    // A person watching the terminal sees what went wrong; the rest is in the file.
    if (line.includes('"level":"error"')) process.stderr.write(line)
  }, config.logLevel)
}

function fail(error: unknown): void {
  const known = toSiloError(error, 'start')
  if (values.json) console.log(JSON.stringify({ type: 'failed', error: toWire(known) }))
  console.error(errorText(known, language))
  if (known.code === 'internal') console.error(error)
}

/** A companion that outlives the program that started it would keep the models in memory for nobody. */
function watchParent(): void {
  if (process.send) process.on('disconnect', () => void end(0, 'parent gone'))
  const parent = Number(process.env.SILO_PARENT_PID)
  if (!Number.isInteger(parent) || parent <= 1) return
  setInterval(() => {
    try {
      process.kill(parent, 0)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ESRCH') void end(0, 'parent gone')
    }
  }, 1000).unref()
}

/** An encrypted data folder asks whoever sits at the terminal; three tries. */
async function startUnlocked(config: Config, companionLog: Log): Promise<Companion> {
  for (let tries = 0, passphrase = config.passphrase; ; tries++) {
    try {
      return await startCompanion(
        passphrase === undefined ? config : { ...config, passphrase },
        { log: companionLog }, // prettier-ignore
      )
    } catch (error) {
      const code = error instanceof SiloError ? error.code : ''
      if (!['home_locked', 'passphrase_wrong'].includes(code) || !canAsk() || tries >= 3)
        throw error
      if (code === 'passphrase_wrong') console.error(errorText(error as SiloError, language))
      passphrase = await askHidden(language === 'zh' ? '数据文件夹的口令：' : 'Passphrase of the data folder: ') // prettier-ignore
      if (!passphrase) throw error
    }
  }
}

function announce(started: Companion): void {
  const ready = { type: 'ready', url: started.url, urlWithToken: started.urlWithToken, pid: process.pid } // prettier-ignore
  if (values.json) console.log(JSON.stringify(ready))
  else
    console.log(
      language === 'zh'
        ? `Silo 已启动：${started.urlWithToken}`
        : `Silo is ready: ${started.urlWithToken}`,
    )
  if (process.send) process.send(ready)
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
  process.on(signal, () => void end(0, signal))
process.on('uncaughtException', (error) => {
  log?.error('uncaught exception', { error })
  if (!log) console.error(error)
  void end(1, 'uncaught exception')
})
process.on('unhandledRejection', (error) => {
  log?.error('unhandled rejection', { error })
  if (!log) console.error(error)
  void end(1, 'unhandled rejection')
})

try {
  const config = loadConfig()
  log = openLog(config)
  companion = await startUnlocked(config, log)
  watchParent()
  announce(companion)
} catch (error) {
  log?.error('start failed', { error: error instanceof SiloError ? { code: error.code, params: error.params, cause: error.cause } : error }) // prettier-ignore
  fail(error)
  await flush()
  process.exit(1)
}
