import { mkdirSync } from 'node:fs'
import { readFile, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { SiloError } from '#shared/errors/silo-error.ts'

/** Encryption at rest; passes through where it is off. */
export interface SealPort {
  seal(bytes: Uint8Array, purpose: string): Uint8Array
  open(bytes: Uint8Array, purpose: string): Uint8Array
}

const plain: SealPort = { seal: (bytes) => bytes, open: (bytes) => bytes }

/** The extracted text of each document, so that a citation opens on exactly what was indexed. */
export class TextFiles {
  readonly #directory: string
  readonly #seal: SealPort

  constructor(directory: string, seal: SealPort = plain) {
    this.#directory = directory
    this.#seal = seal
    mkdirSync(directory, { recursive: true, mode: 0o700 })
  }

  async write(documentId: string, text: string): Promise<void> {
    const path = this.#path(documentId)
    await writeFile(`${path}.part`, this.#seal.seal(Buffer.from(text), `text:${documentId}`), { mode: 0o600 }) // prettier-ignore
    await rename(`${path}.part`, path)
  }

  /** Writes beside what is there; `promote` puts it in its place, `discard` drops it. */
  async stage(documentId: string, text: string): Promise<void> {
    await writeFile(`${this.#path(documentId)}.next`, this.#seal.seal(Buffer.from(text), `text:${documentId}`), { mode: 0o600 }) // prettier-ignore
  }

  /** Where nothing is staged, nothing happens. */
  async promote(documentId: string): Promise<void> {
    const path = this.#path(documentId)
    await rename(`${path}.next`, path).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error
    })
  }

  async discard(documentId: string): Promise<void> {
    await rm(`${this.#path(documentId)}.next`, { force: true })
  }

  /** Ids of the texts there are, and of those staged or half written. */
  async list(): Promise<{ texts: Set<string>; left: string[] }> {
    const names = await readdir(this.#directory)
    const texts = names.flatMap((name) => /^([0-9a-f]{32})\.txt$/.exec(name)?.[1] ?? [])
    return { texts: new Set(texts), left: names.filter((name) => /\.(next|part|new)$/.test(name)) }
  }

  /** Drops what `list` named as left over. */
  async removeLeft(name: string): Promise<void> {
    if (/^[0-9a-f]{32}\.txt[.0-9]*\.(next|part|new)$/.test(name))
      await rm(join(this.#directory, name), { force: true })
  }

  /** @throws SiloError document_unknown, seal_damaged */
  async read(documentId: string): Promise<string> {
    let bytes: Uint8Array
    try {
      bytes = await readFile(this.#path(documentId))
    } catch (cause) {
      throw new SiloError('document_unknown', { cause })
    }
    return Buffer.from(this.#seal.open(bytes, `text:${documentId}`)).toString('utf8')
  }

  async remove(documentId: string): Promise<void> {
    await rm(this.#path(documentId), { force: true })
  }

  #path(documentId: string): string {
    if (!/^[0-9a-f]{32}$/.test(documentId)) throw new SiloError('document_unknown')
    return join(this.#directory, `${documentId}.txt`)
  }
}
