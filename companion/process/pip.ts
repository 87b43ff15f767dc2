import { spawn } from 'node:child_process'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { formatBytes } from '#shared/domain/byte-size.ts'
import { SiloError } from '#shared/errors/silo-error.ts'

const limitMs = 15 * 60_000

export interface WheelRequest {
  readonly name: string
  readonly version: string
  /** Of the wheel, e.g. `manylinux2014_x86_64`: this machine's need not be it. */
  readonly platform: string
  /** Where the wheel is put. */
  readonly directory: string
  /** Where pip works meanwhile; it must exist. */
  readonly temporary: string
  /** Bytes that are needed, for the message of a full disk. */
  readonly size: number
  readonly signal: AbortSignal
  readonly python?: string
  /** Put before the requirement, e.g. `--index-url`, `--find-links`. */
  readonly pipArgs?: readonly string[]
}

/**
 * Fetches the wheel of a Python package without what it depends on.
 * @throws SiloError source_unreachable, disk_full; the signal's reason
 */
export function downloadWheel(wheel: WheelRequest): Promise<void> {
  const { name, version, platform, directory, temporary, size, signal } = wheel
  const python = wheel.python ?? (process.platform === 'win32' ? 'python' : 'python3')
  const args = [
    ['-m', 'pip', 'download', '--quiet', '--no-deps', '--no-cache-dir'],
    ['--disable-pip-version-check', '--dest', directory],
    ['--only-binary=:all:', '--platform', platform],
    ['--python-version', '3.12', '--implementation', 'cp'],
    [...(wheel.pipArgs ?? []), `${name}==${version}`],
  ].flat()
  return new Promise((resolve, reject) => {
    const child = spawn(python, args, {
      stdio: ['ignore', 'ignore', 'pipe'],
      env: { ...process.env, TMPDIR: temporary, TEMP: temporary, TMP: temporary },
      signal: AbortSignal.any([signal, AbortSignal.timeout(limitMs)]),
      killSignal: 'SIGKILL',
    })
    const dieWithParent = () => child.kill('SIGKILL')
    process.once('exit', dieWithParent)
    let errors = ''
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      errors = (errors + text).slice(-4000)
    })
    const settle = (failure?: unknown) => {
      process.off('exit', dieWithParent)
      if (failure === undefined) resolve()
      else if (signal.aborted) reject(signal.reason)
      else if (/No space left|ENOSPC/i.test(errors))
        reject(
          new SiloError('disk_full', { params: { needed: formatBytes(size) }, cause: failure }),
        )
      else
        reject(
          new SiloError('source_unreachable', {
            params: { source: `pip: ${name}` },
            cause: failure,
          }),
        )
    }
    child.once('error', (error) => settle(error))
    child.once('close', (code) =>
      code === 0 ? settle() : settle(new Error(errors.trim() || `pip ended with ${code}`)),
    )
  })
}

/** The wheel in a directory. */
export async function findWheel(directory: string): Promise<string | undefined> {
  const names = await readdir(directory).catch(() => [])
  const wheel = names.find((name) => name.endsWith('.whl'))
  return wheel === undefined ? undefined : join(directory, wheel)
}
