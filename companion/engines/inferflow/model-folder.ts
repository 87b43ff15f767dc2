import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, readdir, rename, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { GgufHeader } from '#companion/formats/gguf.ts'
import { generationConfig, modelSpecification } from './config.ts'
import { writeModelCopy } from './model-copy.ts'
import type { InferflowFacts } from './model-facts.ts'

/** What the files in a model's folder are called. */
export const modelFiles = {
  model: 'model.gguf',
  specification: 'model.json',
  generation: 'generation.json',
} as const

/** Changes when the same model would be written otherwise. */
const form = 1
const prefix = 'model-'

/** The folder that the service reads a model from; it depends on the file alone. */
export async function modelFolderOf(directory: string, source: string): Promise<string> {
  const { size, mtimeMs } = await stat(source)
  const name = createHash('sha256').update(JSON.stringify([form, source, size, mtimeMs])).digest('hex') // prettier-ignore
  return join(directory, prefix + name.slice(0, 16))
}

export interface ModelFolderInit {
  readonly folder: string
  readonly source: string
  readonly header: GgufHeader
  readonly facts: InferflowFacts
  readonly pieces: readonly string[]
  /** Tokens that end an answer. */
  readonly ends: readonly number[]
  readonly signal: AbortSignal
}

/** Writes what is not there yet. @throws SiloError model_load_failed, disk_full; the signal's reason */
export async function fillModelFolder(init: ModelFolderInit): Promise<void> {
  const { folder, facts, ends } = init
  if (existsSync(folder)) return
  const partial = `${folder}.partial`
  await rm(partial, { recursive: true, force: true })
  await mkdir(partial, { recursive: true, mode: 0o700 })
  try {
    await writeFile(join(partial, modelFiles.specification), modelSpecification(facts, modelFiles))
    await writeFile(join(partial, modelFiles.generation), generationConfig(ends))
    await writeModelCopy({ ...init, target: join(partial, modelFiles.model) })
    await rename(partial, folder)
  } catch (error) {
    await rm(partial, { recursive: true, force: true })
    throw error
  }
}

/** Removes the folders of models but these. */
export async function removeOtherModels(directory: string, keep: readonly string[]): Promise<void> {
  const folders = (await readdir(directory)).filter((name) => name.startsWith(prefix))
  const others = folders.map((name) => join(directory, name)).filter((path) => !keep.some((kept) => path.startsWith(kept))) // prettier-ignore
  await Promise.all(others.map((path) => rm(path, { recursive: true, force: true })))
}
