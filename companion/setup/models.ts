import { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { loadConfig } from '#companion/config/config.ts'
import { lockHome } from '#companion/config/home-lock.ts'
import { catalogue } from '#companion/models/catalogue.ts'
import { FileRecords } from '#companion/models/file-records.ts'
import { modelFileName, ModelLibrary } from '#companion/models/library.ts'
import { recordedSource } from '#companion/models/recorded-source.ts'
import { createModelSources } from '#companion/models/sources.ts'
import { EgressGate } from '#companion/observe/egress-gate.ts'
import { EgressLedger } from '#companion/observe/egress.ts'
import { silentLog } from '#companion/observe/log.ts'
import { openDatabase } from '#companion/records/database.ts'
import type { RunContext } from '#companion/runs/run.ts'
import { formatBytes } from '#shared/domain/byte-size.ts'
import { newId } from '#shared/domain/ids.ts'
import { errorText, fromWire, SiloError, toSiloError } from '#shared/errors/silo-error.ts'
import { languageOf, Terminal } from './cli/terminal.ts'
import { stageText } from './cli/texts.ts'

/**
 * Fetches the starter models, or with `--test` those of the tests (with `--long` also those of the tests that take
 * minutes), one after the other into the data folder: `node companion/setup/models.ts [--test [--long]]`. What an interrupted call left is continued. The exit code is 1
 * when a model is missing in the end.
 */
const { values } = parseArgs({
  options: {
    test: { type: 'boolean', default: false },
    long: { type: 'boolean', default: false },
  },
})
const language = languageOf(process.env)
const terminal = new Terminal(false, language)
const say = (en: string, zh: string): void => terminal.note(language === 'zh' ? zh : en)
const testModels = new Set([
  'smollm2-135m',
  'qwen2.5-coder-0.5b',
  'multilingual-e5-small',
  'whisper-base',
  ...(values.long ? ['qwen2.5-coder-1.5b'] : []),
])

const config = loadConfig(
  values.test
    ? { ...process.env, SILO_HOME: join(import.meta.dirname, '..', '..', '.silo', 'test-home') }
    : process.env,
)
const wanted = catalogue.filter(({ id, starter }) => (values.test ? testModels.has(id) : starter))
const directory = join(config.home, 'models')
const missing = wanted.filter((entry) => !existsSync(join(directory, modelFileName(entry))))
process.exitCode = missing.length === 0 ? 0 : (await fetchAll()) ? 0 : 1
process.disconnect?.()

/** @returns whether every model is there */
async function fetchAll(): Promise<boolean> {
  const stop = new AbortController()
  const interrupt = (): void => stop.abort(new SiloError('interrupted'))
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, interrupt)
  if (process.send) process.on('disconnect', interrupt)
  mkdirSync(config.home, { recursive: true, mode: 0o700 })
  const lock = lockHome(config.home)
  const database = openDatabase(join(config.home, 'silo.db'))
  try {
    using gate = new EgressGate({
      ledger: new EgressLedger(database),
      // Nothing here is behind the switch: fetching models is what was asked for.
      requireWeb() {},
      log: silentLog,
    })
    const library = new ModelLibrary({
      directory,
      catalogue,
      sources: createModelSources(config).map((source) => recordedSource(source, gate)),
      records: new FileRecords(database),
      hardware: () => undefined,
      contextTokens: () => 0,
      isLoaded: () => false,
      log: silentLog,
      onChange: () => {},
    })
    let complete = true
    for (const [index, entry] of missing.entries()) {
      const size = formatBytes(entry.size)
      const place = `(${index + 1}/${missing.length})`
      say(`Fetching ${entry.name}, ${size} ${place}`, `正在获取 ${entry.name}，${size} ${place}`)
      try {
        await library.download(entry.id)(contextOf(stop.signal))
        say(`  ${entry.name} is complete and verified.`, `  ${entry.name} 已下载并通过校验。`)
      } catch (error) {
        if (stop.signal.aborted) {
          say('Stopped; the next start continues here.', '已停止；下次启动时从此处继续。')
          return false
        }
        complete = false
        terminal.note(`  ${errorText(toSiloError(error, newId()), language)}`)
      }
    }
    return complete
  } finally {
    database.close()
    lock.release()
  }
}

/** Shows what a download reports: one line that renews itself, or one line per tenth where nobody watches. */
function contextOf(signal: AbortSignal): RunContext {
  let shown = ''
  return {
    id: newId(),
    signal,
    emit(body) {
      if (body.type === 'item-failed') {
        const reason = errorText(fromWire(body.error), language)
        say(`  ${body.item}: ${reason} Trying the next source.`, `  ${body.item}：${reason}尝试下一个来源。`) // prettier-ignore
      } else if (body.type === 'progress') {
        if (process.stderr.isTTY) return terminal.progress(body)
        const tenth = body.total ? Math.floor((10 * body.done) / body.total) : 0
        const line = `  ${stageText(language, body.stage)} ${tenth * 10}% · ${body.detail ?? ''}`
        if (line !== shown) terminal.note(line)
        shown = line
      }
    },
  }
}
