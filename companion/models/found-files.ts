import { open, readdir, readFile, realpath, stat } from 'node:fs/promises'
import { join, relative, sep } from 'node:path'
import * as v from 'valibot'
import type { FoundModelFile } from '#shared/protocol/api.ts'

export interface ProgramFolders {
  readonly ollama: readonly string[]
  readonly lmStudio: readonly string[]
  readonly huggingFace: readonly string[]
}

/** Files looked at below one folder at most. */
const mostEntries = 20_000
const manifestLimit = 1 << 20
const manifestSchema = v.object({
  layers: v.array(v.object({ mediaType: v.string(), digest: v.pipe(v.string(), v.regex(/^sha256:[0-9a-f]{64}$/)) })), // prettier-ignore
})
const ollamaWeights = 'application/vnd.ollama.image.model'

/** Where other programs keep the models they fetched. `home` is the person's folder. */
export function programFolders(home: string, env: NodeJS.ProcessEnv): ProgramFolders {
  const cache = env.XDG_CACHE_HOME ?? join(home, '.cache')
  return {
    ollama: env.OLLAMA_MODELS
      ? [env.OLLAMA_MODELS]
      : [join(home, '.ollama', 'models'), '/usr/share/ollama/.ollama/models'],
    lmStudio: [join(home, '.lmstudio', 'models'), join(cache, 'lm-studio', 'models')],
    huggingFace: [env.HF_HUB_CACHE ?? join(env.HF_HOME ?? join(cache, 'huggingface'), 'hub')],
  }
}

/**
 * GGUF files that other programs on this computer have, by name. What cannot be read, is in parts or is only the
 * eyes of a model is left out. Never throws but for the abort.
 */
export async function findModelFiles(
  folders: ProgramFolders,
  signal: AbortSignal,
): Promise<FoundModelFile[]> {
  const found = new Map<string, FoundModelFile>()
  const add = async (program: FoundModelFile['program'], path: string, name: string) => {
    signal.throwIfAborted()
    const file = await realpath(path).catch(() => undefined)
    if (file === undefined || found.has(file) || !(await isGguf(file))) return
    const { size } = await stat(file)
    found.set(file, { program, path: file, name, size })
  }
  for (const folder of folders.ollama)
    for (const { name, blob } of await ollamaModels(folder)) await add('Ollama', blob, name)
  for (const folder of folders.lmStudio)
    for (const path of await weightsBelow(folder))
      await add('LM Studio', path, fileTitle(path.split(sep).at(-1)!))
  for (const folder of folders.huggingFace)
    for (const path of await weightsBelow(folder))
      // Only snapshots have the names; the other copies are what they point to.
      if (relative(folder, path).includes(`${sep}snapshots${sep}`))
        await add('Hugging Face', path, fileTitle(path.split(sep).at(-1)!))
  return [...found.values()].toSorted((a, b) => a.name.localeCompare(b.name))
}

async function ollamaModels(folder: string): Promise<{ name: string; blob: string }[]> {
  const manifests = join(folder, 'manifests')
  const models: { name: string; blob: string }[] = []
  for (const path of await filesBelow(manifests)) {
    const [, ...parts] = relative(manifests, path).split(sep)
    const tag = parts.pop()
    if (tag === undefined || parts.length === 0) continue
    const digest = await weightsOf(path)
    // `library` is where its own models are.
    const name = `${parts.filter((part) => part !== 'library').join('/')}:${tag}`
    if (digest) models.push({ name, blob: join(folder, 'blobs', digest.replace(':', '-')) })
  }
  return models
}

async function weightsOf(manifest: string): Promise<string | undefined> {
  try {
    if ((await stat(manifest)).size > manifestLimit) return undefined
    const { layers } = v.parse(manifestSchema, JSON.parse(await readFile(manifest, 'utf8')))
    return layers.find(({ mediaType }) => mediaType === ollamaWeights)?.digest
  } catch {
    return undefined
  }
}

async function weightsBelow(folder: string): Promise<string[]> {
  const files = await filesBelow(folder)
  return files.filter((path) => /\.gguf$/i.test(path) && !/mmproj|-\d{5}-of-\d{5}/i.test(path))
}

async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => [])
  return entries
    .slice(0, mostEntries)
    .filter((entry) => entry.isFile() || entry.isSymbolicLink())
    .map((entry) => join(entry.parentPath, entry.name))
}

async function isGguf(path: string): Promise<boolean> {
  try {
    await using file = await open(path, 'r')
    const { buffer, bytesRead } = await file.read(Buffer.alloc(4), 0, 4, 0)
    return bytesRead === 4 && buffer.toString('latin1') === 'GGUF'
  } catch {
    return false
  }
}

function fileTitle(name: string): string {
  return name.replace(/\.gguf$/i, '')
}
