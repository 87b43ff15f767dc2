import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { installLlamaServer } from '#companion/engines/llama-server/binary.ts'
import { mlxEnvironment } from '#companion/engines/mlx/environment.ts'
import { openVinoEnvironment } from '#companion/engines/openvino/environment.ts'
import { silentLog } from '#companion/observe/log.ts'
import { installPython } from '#companion/process/python-environment.ts'
import { errorText, toSiloError } from '#shared/errors/silo-error.ts'

/**
 * Installs the engines of the tests, with `--python` also those in Python: `node companion/setup/engines.ts [--python]`.
 * The exit code is 1 where that failed.
 */
const { values } = parseArgs({ options: { python: { type: 'boolean', default: false } } })
const engines = join(import.meta.dirname, '..', '..', '.silo', 'test-home', 'engines')
const limit = 10 * 60_000
try {
  await installLlamaServer(engines, AbortSignal.timeout(limit))
  for (const environment of values.python ? [mlxEnvironment, openVinoEnvironment] : []) {
    const signal = AbortSignal.timeout(limit)
    await installPython(environment, { directory: engines, log: silentLog, signal })
  }
} catch (error) {
  process.stderr.write(`${errorText(toSiloError(error, 'setup'), 'en')}\n`)
  process.exitCode = 1
}
