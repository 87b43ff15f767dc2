import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { loadConfig } from '#companion/config/config.ts'
import { catalogue } from '#companion/models/catalogue.ts'
import { FileRecords } from '#companion/models/file-records.ts'
import { ModelLibrary } from '#companion/models/library.ts'
import { createModelSources } from '#companion/models/sources.ts'
import { silentLog } from '#companion/observe/log.ts'
import { openDatabase } from '#companion/records/database.ts'
import type { RunContext } from '#companion/runs/run.ts'
import { SiloError, errorText, toSiloError } from '#shared/errors/silo-error.ts'

/**
 * Fetches the models a new installation needs, with a progress line; a kill loses nothing.
 * `--test`: what the tests need, into .silo/test-home. Exit code 1 when one is missing at the end.
 */
const forTests = process.argv.includes('--test')
const config = loadConfig(
  forTests
    ? {
        ...process.env,
        SILO_HOME: fileURLToPath(new URL('../../.silo/test-home', import.meta.url)),
      }
    : process.env,
)
const language = /^zh/i.test(process.env.LC_ALL ?? process.env.LANG ?? '') ? 'zh' : 'en'
const wanted = catalogue.filter(
  (entry) => entry.starter || (forTests && entry.id === 'smollm2-135m'),
)
const database = openDatabase(join(config.home, 'silo.db'))
const library = new ModelLibrary({
  directory: join(config.home, 'models'),
  catalogue,
  sources: createModelSources(config),
  records: new FileRecords(database),
  hardware: () => undefined,
  contextTokens: () => 8192,
  isLoaded: () => false,
  log: silentLog,
  onChange: () => {},
})
const stop = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.once(signal, () => stop.abort(new SiloError('cancelled')))

let missing = 0
for (const entry of wanted) {
  const state = library.list().find((model) => model.entry.id === entry.id)
  if (state?.installed) continue
  try {
    await library.download(entry.id)(consoleRun(entry.name))
    process.stdout.write('\n')
  } catch (error) {
    missing += 1
    process.stdout.write(`\n${errorText(toSiloError(error, 'setup'), language)}\n`)
    if (stop.signal.aborted) break
  }
}
database.close()
process.exit(missing > 0 ? 1 : 0)

/** A run whose log is the terminal: one line, rewritten in place where it is a terminal. */
function consoleRun(name: string): RunContext {
  let lastLine = 0
  return {
    id: `setup-${process.pid}`,
    signal: stop.signal,
    emit(body) {
      if (body.type === 'item-failed') {
        process.stdout.write(`\n  ${errorText(body.error, language)}\n`)
      } else if (body.type === 'progress') {
        const finished = body.total !== undefined && body.done >= body.total
        const interval = process.stdout.isTTY ? 200 : 5000
        if (!finished && Date.now() - lastLine < interval) return
        lastLine = Date.now()
        const share = body.total ? `${Math.floor((100 * body.done) / body.total)} %` : ''
        const rate = body.rate ? ` · ${(body.rate / 1e6).toFixed(1)} MB/s` : ''
        const amount = `${(body.done / 1e6).toFixed(0)}/${((body.total ?? 0) / 1e6).toFixed(0)} MB`
        const line = `  ${name} · ${body.stage} · ${body.detail ?? ''} · ${share} · ${amount}${rate}`
        process.stdout.write(process.stdout.isTTY ? `\r\u001b[K${line}` : `${line}\n`)
      }
    },
  }
}
