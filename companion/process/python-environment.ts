import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as v from 'valibot'
import type { Log } from '#companion/observe/log.ts'
import { formatBytes } from '#shared/domain/byte-size.ts'
import { SiloError } from '#shared/errors/silo-error.ts'
import { ProgramFailure, runProgram } from './program-run.ts'

/** Packages of Python for one purpose, in a virtual environment of their own. */
export interface PythonEnvironment {
  /** Of its folder. */
  readonly name: string
  /** Path of a requirements file that names every package and its version: nothing else is installed. */
  readonly requirements: string
  /** Installed, bytes. */
  readonly size: number
}

export interface PythonInstallation {
  /** Below it is the environment's folder. */
  readonly directory: string
  readonly log: Log
  readonly signal: AbortSignal
  readonly onProgress?: (fraction: number) => void
  /** The program that makes it; absent: the one on PATH. */
  readonly python?: string
  /** Put before the requirements, e.g. `--index-url`, `--find-links`. */
  readonly pipArgs?: readonly string[]
}

const makeLimit = 2 * 60_000
const installLimit = 20 * 60_000
const windows = process.platform === 'win32'
/** Versions that the pinned packages are there for. */
const versions = /^3\.(11|12|13|14)$/
const stampSchema = v.object({ requirements: v.string() })

/** The program of an environment; undefined where it is not installed, or only a part or other versions of it. */
export function findPython(directory: string, environment: PythonEnvironment): string | undefined {
  const folder = join(directory, environment.name)
  const program = programOf(folder)
  try {
    const stamp = v.parse(stampSchema, JSON.parse(readFileSync(stampOf(folder), 'utf8')))
    const wanted = digestOf(readFileSync(environment.requirements, 'utf8'))
    return stamp.requirements === wanted && existsSync(program) ? program : undefined
  } catch {
    return undefined
  }
}

/**
 * Installs an environment; does nothing where it is there. It is made in its own place, because it cannot be moved, and
 * counts from when its stamp is written: what an interrupted call left is removed first. Returns its program.
 * @throws SiloError engine_unavailable (no Python that fits), source_unreachable, disk_full; the signal's reason
 */
export async function installPython(
  environment: PythonEnvironment,
  installation: PythonInstallation,
): Promise<string> {
  const { directory, signal, onProgress } = installation
  const known = findPython(directory, environment)
  if (known !== undefined) return known
  const folder = join(directory, environment.name)
  const temporary = join(folder, 'tmp')
  const requirements = await readFile(environment.requirements, 'utf8')
  try {
    await rm(folder, { recursive: true, force: true })
    await mkdir(temporary, { recursive: true, mode: 0o700 })
    await makeEnvironment(folder, environment, installation)
    onProgress?.(0.05)
    await installPackages(folder, environment, installation)
    await rm(temporary, { recursive: true, force: true })
    signal.throwIfAborted()
    await writeFile(stampOf(folder), JSON.stringify({ requirements: digestOf(requirements) }))
    onProgress?.(1)
    return programOf(folder)
  } catch (error) {
    await rm(folder, { recursive: true, force: true }).catch(() => {})
    if (isFull(error)) throw full(environment, error)
    throw error
  }
}

async function makeEnvironment(
  folder: string,
  environment: PythonEnvironment,
  installation: PythonInstallation,
): Promise<void> {
  const command = installation.python ?? (windows ? 'python' : 'python3')
  const run = (args: string[]) => runProgram({ ...commonOf(folder, installation), command, args, limitMs: makeLimit }) // prettier-ignore
  try {
    const about = await run(['-c', 'import ensurepip, sys, venv; print("%d.%d" % sys.version_info[:2])']) // prettier-ignore
    const version = about.trim().split('\n').find((line) => /^\d/.test(line)) ?? '' // prettier-ignore
    if (!versions.test(version)) throw new ProgramFailure(`Python ${version} is too old or too new`)
    await run(['-m', 'venv', folder])
  } catch (error) {
    if (error instanceof ProgramFailure && !isFull(error))
      throw new SiloError('engine_unavailable', { cause: error })
    if (isFull(error)) throw full(environment, error)
    throw error
  }
}

async function installPackages(
  folder: string,
  environment: PythonEnvironment,
  installation: PythonInstallation,
): Promise<void> {
  const { pipArgs = [], onProgress } = installation
  const total = (await readFile(environment.requirements, 'utf8')).match(/^[^#\s]/gm)?.length ?? 1
  let begun = 0
  const args = [
    ['-m', 'pip', 'install', '--no-input', '--no-cache-dir', '--disable-pip-version-check'],
    // Only what is named, and nothing that would run code to be built.
    ['--no-deps', '--only-binary=:all:', ...pipArgs, '--requirement', environment.requirements],
  ].flat()
  try {
    await runProgram({
      ...commonOf(folder, installation),
      command: programOf(folder),
      args,
      limitMs: installLimit,
      onOutput(text) {
        begun += text.match(/^(?:Collecting|Ignoring|Requirement already) /gm)?.length ?? 0
        onProgress?.(0.05 + 0.75 * Math.min(1, begun / total))
      },
    })
  } catch (error) {
    if (!(error instanceof ProgramFailure)) throw error
    if (isFull(error)) throw full(environment, error)
    const params = { source: `pip: ${environment.name}` }
    throw new SiloError('source_unreachable', { params, cause: error })
  }
}

function commonOf(folder: string, { log, signal }: PythonInstallation) {
  const temporary = join(folder, 'tmp')
  const own = Object.entries(process.env).flatMap(([name, value]) =>
    value === undefined || name.startsWith('PYTHON') ? [] : [[name, value] as const],
  )
  const env = { ...Object.fromEntries(own), TMPDIR: temporary, TEMP: temporary, TMP: temporary }
  return { name: 'python', log, signal, env }
}

function programOf(folder: string): string {
  return windows ? join(folder, 'Scripts', 'python.exe') : join(folder, 'bin', 'python')
}

function stampOf(folder: string): string {
  return join(folder, 'installed.json')
}

function digestOf(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}

function isFull(error: unknown): boolean {
  if (!(error instanceof Error) || error instanceof SiloError) return false
  return /No space left|ENOSPC|EDQUOT|quota exceeded/i.test(`${error.message} ${Reflect.get(error, 'code')}`) // prettier-ignore
}

function full({ size }: PythonEnvironment, cause: unknown): SiloError {
  return new SiloError('disk_full', { params: { needed: formatBytes(size) }, cause })
}
