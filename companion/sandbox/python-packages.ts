import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, open, readFile, rename, rm } from 'node:fs/promises'
import { basename, join } from 'node:path'
import * as v from 'valibot'
import { SiloError } from '#shared/errors/silo-error.ts'
import { findPyodide, type PythonPackageSet } from './python-sandbox.ts'

const lockSchema = v.object({
  packages: v.record(
    v.string(),
    v.object({
      name: v.string(),
      version: v.string(),
      file_name: v.string(),
      sha256: v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/)),
      depends: v.array(v.string()),
      imports: v.array(v.string()),
    }),
  ),
})
type Entry = v.InferOutput<typeof lockSchema>['packages'][string]

export interface PythonPackagesOptions {
  /** Where the wheels are kept. */
  readonly folder: string
  /** Pyodide's list of packages; the installed Pyodide's own unless told. */
  readonly lock?: string
}

export interface AddOptions {
  /** Through the gate that writes down what leaves the house. */
  readonly fetch: typeof globalThis.fetch
  /** Folder of the wheels at their source, with a slash at its end. */
  readonly source: string
  readonly signal: AbortSignal
  onPackage?(name: string, done: number, total: number): void
}

/** No wheel of the list is larger. Bytes. */
const largest = 256 * 1024 * 1024

/** Python packages that the user fetched once, each with the hash that came with Pyodide. */
export class PythonPackages implements PythonPackageSet {
  readonly folder: string
  readonly #lock: string | undefined
  #entries: Promise<ReadonlyMap<string, Entry>> | undefined

  constructor(options: PythonPackagesOptions) {
    this.folder = options.folder
    const pyodide = findPyodide()
    this.#lock = options.lock ?? (pyodide && join(pyodide, 'pyodide-lock.json'))
  }

  async list(): Promise<readonly string[]> {
    return (await this.#installed()).flatMap((entry) => entry.imports).toSorted()
  }

  /** Whatever the program names, also in a text: pandas takes `engine='openpyxl'`. */
  async needed(code: string): Promise<{ load: string[]; unpack: string[] }> {
    const words = new Set(code.match(/[A-Za-z_]\w*/g))
    const wanted = (await this.#installed()).filter(({ imports }) =>
      imports.some((name) => words.has(name.split('.', 1)[0] ?? name)),
    )
    const all = await this.#withDependencies(wanted.map(({ name }) => name))
    return {
      load: all.filter((entry) => !isPure(entry)).map(({ name }) => name),
      unpack: all.filter(isPure).map((entry) => basename(entry.file_name)),
    }
  }

  /**
   * Fetches packages and what they need; what is there already is not fetched again.
   * @throws SiloError bad_request for unknown names, checksum_mismatch, download_failed; the signal's reason
   */
  async add(names: readonly string[], options: AddOptions): Promise<void> {
    const entries = await this.#withDependencies(names)
    await mkdir(this.folder, { recursive: true, mode: 0o700 })
    for (const [index, entry] of entries.entries()) {
      options.onPackage?.(entry.name, index, entries.length)
      if (!existsSync(this.#pathOf(entry))) await this.#fetch(entry, options)
    }
  }

  async #fetch(entry: Entry, { fetch, source, signal }: AddOptions): Promise<void> {
    const partial = `${this.#pathOf(entry)}.partial`
    const file = await open(partial, 'w', 0o600)
    const hash = createHash('sha256')
    try {
      const answer = await fetch(new URL(basename(entry.file_name), source), {
        signal,
        redirect: 'error',
      })
      if (!answer.ok || !answer.body) throw failed(`${entry.name}: ${answer.status}`)
      let bytes = 0
      for await (const chunk of answer.body) {
        bytes += chunk.length
        if (bytes > largest) throw failed(entry.name)
        hash.update(chunk)
        await file.writeFile(chunk)
      }
      await file.sync()
      if (hash.digest('hex') !== entry.sha256)
        throw new SiloError('checksum_mismatch', { params: { source: new URL(source).host } })
      await rename(partial, this.#pathOf(entry))
    } catch (error) {
      signal.throwIfAborted()
      throw error instanceof SiloError ? error : failed(entry.name)
    } finally {
      await file.close()
      await rm(partial, { force: true })
    }
  }

  #pathOf(entry: Entry): string {
    return join(this.folder, basename(entry.file_name))
  }

  /** Those that are here with everything they need. */
  async #installed(): Promise<Entry[]> {
    const entries = [...(await this.#all()).values()].filter((entry) =>
      existsSync(this.#pathOf(entry)),
    )
    const whole: Entry[] = []
    for (const entry of entries) {
      const all = await this.#withDependencies([entry.name])
      if (all.every((each) => existsSync(this.#pathOf(each)))) whole.push(entry)
    }
    return whole
  }

  async #withDependencies(names: readonly string[]): Promise<Entry[]> {
    const known = await this.#all()
    const found = new Map<string, Entry>()
    const waiting = [...names]
    for (let name = waiting.pop(); name !== undefined; name = waiting.pop()) {
      const entry = known.get(plain(name))
      if (!entry) throw new SiloError('bad_request', { params: { detail: `package ${name}` } })
      if (found.has(entry.name)) continue
      found.set(entry.name, entry)
      waiting.push(...entry.depends)
    }
    return [...found.values()]
  }

  #all(): Promise<ReadonlyMap<string, Entry>> {
    this.#entries ??= (async () => {
      if (!this.#lock) return new Map<string, Entry>()
      const { packages } = v.parse(lockSchema, JSON.parse(await readFile(this.#lock, 'utf8')))
      return new Map(Object.values(packages).map((entry) => [plain(entry.name), entry]))
    })()
    return this.#entries
  }
}

/** Without machine code: it need not be linked, only unpacked. */
function isPure(entry: Entry): boolean {
  return entry.file_name.endsWith('-none-any.whl')
}

/** Names of packages are the same with `-`, `_` and `.`. */
function plain(name: string): string {
  return name.toLowerCase().replace(/[-_.]+/g, '-')
}

function failed(detail: string): SiloError {
  return new SiloError('download_failed', { params: { model: 'Python', detail } })
}
