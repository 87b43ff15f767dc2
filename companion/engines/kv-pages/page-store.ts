import { createHash, hash, randomUUID } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdir, readdir, readFile, rename, rm, stat, statfs, utimes, writeFile } from 'node:fs/promises' // prettier-ignore
import { basename, join } from 'node:path'
import * as v from 'valibot'
import { blockTokens, commonLinks, tokenChain, tokensId } from './token-chain.ts'

/** What the numbers of a page depend on beside its tokens. A page of another is never used. */
export interface PageOwner {
  /** sha256 of the model's file. */
  readonly model: string
  /** Build of the engine, with its backend. */
  readonly build: string
  readonly cacheType: string
}

export interface PageStoreInit {
  readonly directory: string
  readonly owner: PageOwner
  /** All pages of all models together, bytes. */
  readonly maxBytes: number
}

export interface Page {
  /** The engine's file. */
  readonly path: string
  readonly tokens: number
  /** So many of the tokens asked for are in it, from the first on; a multiple of `blockTokens`. */
  readonly shared: number
}

const manifestSchema = v.object({
  specVersion: v.literal(1),
  session: v.string(),
  tokens: v.pipe(v.number(), v.integer(), v.minValue(1)),
  bytes: v.pipe(v.number(), v.integer(), v.minValue(1)),
  sha256: v.pipe(v.string(), v.hexadecimal(), v.length(64)),
  chain: v.array(v.string()),
})
type Manifest = v.InferOutput<typeof manifestSchema>

const stateEnding = '.kv'
const manifestEnding = '.json'
/** Files of a write that never ended are left alone for so long: another process may be writing them, ms. */
const strayAge = 10 * 60_000
/** The disk keeps so much free, whatever may be stored, bytes. */
const reserve = 1024 ** 3

/**
 * Computed context on disk: one file a page, as the engine wrote it, and a manifest beside it that is put there
 * last and says what the file must be. Any number of processes may share the directory: files are made under
 * other names and renamed, and a page that is gone or damaged is only computed again.
 */
export class PageStore {
  readonly #root: string
  readonly #directory: string
  #maxBytes: number
  /** Manifests never change; what was read once need not be read again. */
  readonly #known = new Map<string, Manifest>()

  constructor({ directory, owner, maxBytes }: PageStoreInit) {
    this.#root = directory
    const name = hash('sha256', JSON.stringify([owner.model, owner.build, owner.cacheType]))
    this.#directory = join(directory, name.slice(0, 24))
    this.#maxBytes = maxBytes
  }

  /** The page that has the most of `tokens`, whole as it was written; damaged ones are removed on the way. */
  async find(tokens: Uint32Array, least: number, contextTokens: number): Promise<Page | undefined> {
    if (this.#maxBytes === 0 || tokens.length < least) return undefined
    const wanted = tokenChain(tokens)
    const found = [...(await this.#manifests())]
      .map(([name, manifest]) => ({
        name,
        manifest,
        shared: commonLinks(manifest.chain, wanted) * blockTokens,
      }))
      .filter(({ shared, manifest }) => shared >= least && manifest.tokens <= contextTokens)
      // Of equals the shorter: there is less to read.
      .sort((a, b) => b.shared - a.shared || a.manifest.tokens - b.manifest.tokens)
    for (const { name, manifest, shared } of found) {
      const path = this.#path(name, stateEnding)
      if (await isWhole(path, manifest)) {
        const now = new Date()
        await utimes(this.#path(name, manifestEnding), now, now).catch(() => {})
        return { path, tokens: manifest.tokens, shared }
      }
      await this.#remove(name)
    }
    return undefined
  }

  /**
   * Keeps what `save` writes to the path it is given as the page of `tokens`. Older pages of the session that it
   * continues are removed, and the least used pages until all fit.
   * @returns false where there is no room
   */
  async write(
    tokens: Uint32Array,
    session: string,
    expectedBytes: number,
    save: (path: string) => Promise<number>,
  ): Promise<boolean> {
    if (expectedBytes > this.#maxBytes) return false
    const name = tokensId(tokens)
    await mkdir(this.#directory, { recursive: true, mode: 0o700 })
    if ((await this.#manifests()).has(name)) return true
    if (!(await this.#makeRoom(expectedBytes))) return false
    const partial = join(this.#directory, `${name}.${randomUUID()}.partial`)
    try {
      const written = await save(partial)
      const { size: bytes } = await stat(partial)
      // The engine does not say when closing its file failed, as on a full disk.
      if (bytes === 0 || bytes !== written) throw new Error('the page was not written whole')
      const manifest: Manifest = {
        specVersion: 1,
        session,
        tokens: tokens.length,
        bytes,
        sha256: await digestOf(partial),
        chain: tokenChain(tokens),
      }
      await rename(partial, this.#path(name, stateEnding))
      await writeFile(`${partial}.json`, JSON.stringify(manifest), { mode: 0o600 })
      await rename(`${partial}.json`, this.#path(name, manifestEnding))
      this.#known.set(name, manifest)
      await this.#dropContinued(name, manifest)
      return true
    } catch (error) {
      await rm(partial, { force: true })
      await rm(`${partial}.json`, { force: true })
      throw error
    }
  }

  /** Removes a page that the engine would not take. */
  async discard(page: Page): Promise<void> {
    await this.#remove(basename(page.path, stateEnding))
  }

  /** Removes the pages of one session; absent: of any. */
  async forget(session?: string): Promise<void> {
    for (const [name, manifest] of await this.#manifests())
      if (session === undefined || manifest.session === session) await this.#remove(name)
  }

  /** From now on all pages together may have so many bytes. 0: nothing is written or read. */
  limit(maxBytes: number): void {
    this.#maxBytes = maxBytes
  }

  async #dropContinued(name: string, by: Manifest): Promise<void> {
    for (const [other, manifest] of await this.#manifests()) {
      const continued =
        other !== name &&
        manifest.session === by.session &&
        manifest.tokens <= by.tokens &&
        commonLinks(manifest.chain, by.chain) === manifest.chain.length
      if (continued) await this.#remove(other)
    }
  }

  async #makeRoom(bytes: number): Promise<boolean> {
    const { bavail, bsize } = await statfs(this.#directory)
    const room = Math.min(this.#maxBytes, (await storedBytes(this.#root)) + bavail * bsize - reserve) // prettier-ignore
    if (bytes > room) return false
    await prunePages(this.#root, room - bytes)
    return true
  }

  async #manifests(): Promise<Map<string, Manifest>> {
    const names = (await readdir(this.#directory).catch(() => []))
      .filter((file) => file.endsWith(manifestEnding) && !file.includes('.partial'))
      .map((file) => file.slice(0, -manifestEnding.length))
    const present = new Set(names)
    for (const name of this.#known.keys()) if (!present.has(name)) this.#known.delete(name)
    for (const name of names) {
      if (this.#known.has(name)) continue
      const manifest = await readManifest(this.#path(name, manifestEnding))
      if (manifest) this.#known.set(name, manifest)
      else await this.#remove(name)
    }
    return new Map(this.#known)
  }

  async #remove(name: string): Promise<void> {
    this.#known.delete(name)
    await removePage(this.#directory, name)
  }

  #path(name: string, ending: string): string {
    return join(this.#directory, name + ending)
  }
}

/** Removes the pages of a session below `root`, of whatever model. */
export async function forgetPages(root: string, session: string): Promise<void> {
  for (const { directory, file } of await allFiles(root)) {
    if (!file.endsWith(manifestEnding) || file.includes('.partial')) continue
    const manifest = await readManifest(join(directory, file))
    if (manifest?.session === session) await removePage(directory, basename(file, manifestEnding))
  }
}

/** Bytes of all pages below `root`, of whatever model. */
export async function storedBytes(root: string): Promise<number> {
  return (await allFiles(root)).reduce((sum, { bytes }) => sum + bytes, 0)
}

/** Removes the least used pages below `root` until the rest has `maxBytes` or less, and what a crash left. */
export async function prunePages(root: string, maxBytes: number): Promise<void> {
  const files = await allFiles(root)
  const pages = new Map<
    string,
    { directory: string; name: string; usedAt: number; bytes: number }
  >()
  for (const { directory, file, bytes, changedAt } of files) {
    const name = file.split('.', 1)[0]!
    const key = join(directory, name)
    const isManifest = file === name + manifestEnding
    const page = pages.get(key) ?? { directory, name, usedAt: 0, bytes: 0 }
    if (file.includes('.partial')) {
      if (Date.now() - changedAt > strayAge) await rm(join(directory, file), { force: true })
      continue
    }
    page.bytes += bytes
    if (isManifest) page.usedAt = changedAt
    pages.set(key, page)
  }
  let total = 0
  for (const page of [...pages.values()].toSorted((a, b) => b.usedAt - a.usedAt)) {
    total += page.bytes
    if (total > maxBytes) await removePage(page.directory, page.name)
  }
}

/** The manifest goes first: without one, nobody takes the rest for a page. */
async function removePage(directory: string, name: string): Promise<void> {
  await rm(join(directory, name + manifestEnding), { force: true })
  await rm(join(directory, name + stateEnding), { force: true })
}

interface FoundFile {
  readonly directory: string
  readonly file: string
  readonly bytes: number
  readonly changedAt: number
}

async function allFiles(root: string): Promise<FoundFile[]> {
  const found: FoundFile[] = []
  for (const owner of await readdir(root).catch(() => [])) {
    const directory = join(root, owner)
    for (const file of await readdir(directory).catch(() => [])) {
      const stats = await stat(join(directory, file)).catch(() => undefined)
      if (stats?.isFile())
        found.push({ directory, file, bytes: stats.size, changedAt: stats.mtimeMs })
    }
  }
  return found
}

async function readManifest(path: string): Promise<Manifest | undefined> {
  try {
    return v.parse(manifestSchema, JSON.parse(await readFile(path, 'utf8')))
  } catch {
    return undefined
  }
}

async function isWhole(path: string, manifest: Manifest): Promise<boolean> {
  try {
    if ((await stat(path)).size !== manifest.bytes) return false
    return (await digestOf(path)) === manifest.sha256
  } catch {
    return false
  }
}

async function digestOf(path: string): Promise<string> {
  const digest = createHash('sha256')
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) digest.update(chunk)
  return digest.digest('hex')
}
