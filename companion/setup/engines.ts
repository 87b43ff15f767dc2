import { join } from 'node:path'
import { installLlamaServer } from '#companion/engines/llama-server/binary.ts'
import { errorText, toSiloError } from '#shared/errors/silo-error.ts'

/** Installs the engines of the tests: `node companion/setup/engines.ts`. The exit code is 1 where that failed. */
const engines = join(import.meta.dirname, '..', '..', '.silo', 'test-home', 'engines')
try {
  await installLlamaServer(engines, AbortSignal.timeout(10 * 60_000))
} catch (error) {
  process.stderr.write(`${errorText(toSiloError(error, 'setup'), 'en')}\n`)
  process.exitCode = 1
}
