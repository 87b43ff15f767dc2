import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, readdir, rename, rm, stat, utimes } from 'node:fs/promises'
import { join } from 'node:path'
import type { Log } from '#companion/observe/log.ts'
import { ProgramFailure, runProgram } from '#companion/process/program-run.ts'
import { formatBytes } from '#shared/domain/byte-size.ts'
import type { ModelFile } from '#shared/contracts/engine.ts'
import { SiloError } from '#shared/errors/silo-error.ts'
import { loadFailure } from '../python/engine.ts'

export type Precision = 'float32' | 'float16' | '4bit'

export interface Conversion {
  readonly model: ModelFile
  /** Where converted models are kept. */
  readonly directory: string
  readonly precision: Precision
  /** Of the result, bytes. */
  readonly size: number
  /** All that is kept together, bytes: what was not used for longest goes first. */
  readonly maxBytes: number
  /** Folders that are in use. */
  readonly inUse: ReadonlySet<string>
  readonly python: string
  readonly env: Record<string, string>
  readonly log: Log
  readonly signal: AbortSignal
}

/** Changes with convert.py: what an older one wrote is not used any more. */
const edition = 1
const limitMs = 30 * 60_000
const partial = '.partial-'

/**
 * The folder with a GGUF model in the form of MLX, made where it is not there yet.
 * @throws SiloError model_load_failed, out_of_memory, disk_full; the signal's reason
 */
export async function convertedModel(conversion: Conversion): Promise<string> {
  const { directory, precision, model, signal } = conversion
  const name = `${await keyOf(model)}-${precision}-${edition}`
  const folder = join(directory, name)
  if (!existsSync(folder)) {
    await mkdir(directory, { recursive: true, mode: 0o700 })
    await makeRoom(conversion)
    const work = join(directory, `${partial}${process.pid}-${name}-${Date.now()}`)
    try {
      await convert(conversion, work)
      await rename(work, folder)
    } catch (error) {
      signal.throwIfAborted()
      // Another call was faster.
      if (!existsSync(folder)) throw error
    } finally {
      await rm(work, { recursive: true, force: true })
      await rm(`${work}-full`, { recursive: true, force: true })
    }
  }
  const now = new Date()
  await utimes(folder, now, now)
  return folder
}

async function convert(conversion: Conversion, out: string): Promise<void> {
  const { model, precision, python, env, log, signal, size } = conversion
  const script = join(import.meta.dirname, 'convert.py')
  const args = ['-s', script, '--gguf', model.path, '--out', out, '--precision', precision]
  try {
    await runProgram({ name: 'mlx', log, command: python, args, env, signal, limitMs })
  } catch (cause) {
    if (!(cause instanceof ProgramFailure)) throw cause
    if (/No space left|ENOSPC/i.test(cause.message))
      throw new SiloError('disk_full', { params: { needed: formatBytes(size) }, cause })
    throw loadFailure(model.id, cause.message) ?? new SiloError('model_load_failed', { params: { model: model.id }, cause }) // prettier-ignore
  }
}

/** A model's sha256, or where it is not known what tells one file from another. */
async function keyOf({ path, sha256 }: ModelFile): Promise<string> {
  if (!/^0*$/.test(sha256)) return sha256
  const { size, mtimeMs } = await stat(path)
  return createHash('sha256')
    .update(JSON.stringify([path, size, mtimeMs]))
    .digest('hex')
}

/** Removes what killed processes left, and the models that were not used for longest until there is room. */
async function makeRoom({ directory, inUse, maxBytes, size }: Conversion): Promise<void> {
  const kept: { path: string; used: number; bytes: number }[] = []
  for (const name of await readdir(directory)) {
    const path = join(directory, name)
    const owner = Number(name.slice(partial.length).split('-')[0])
    if (!name.startsWith(partial)) kept.push({ path, ...(await usageOf(path)) })
    else if (!isRunning(owner)) await rm(path, { recursive: true, force: true })
  }
  let total = size + kept.reduce((sum, { bytes }) => sum + bytes, 0)
  for (const { path, bytes } of kept.toSorted((a, b) => a.used - b.used)) {
    if (total <= maxBytes) return
    if (inUse.has(path)) continue
    await rm(path, { recursive: true, force: true })
    total -= bytes
  }
}

async function usageOf(folder: string): Promise<{ used: number; bytes: number }> {
  const files = await readdir(folder).catch(() => [])
  const sizes = await Promise.all(files.map(async (name) => (await stat(join(folder, name))).size))
  return { used: (await stat(folder)).mtimeMs, bytes: sizes.reduce((sum, size) => sum + size, 0) }
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}
