import { mkdirSync } from 'node:fs'
import { readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { SiloError } from '#shared/errors/silo-error.ts'

/** The extracted text of each document, so that a citation opens on exactly what was indexed. */
export class TextFiles {
  readonly #directory: string

  constructor(directory: string) {
    this.#directory = directory
    mkdirSync(directory, { recursive: true, mode: 0o700 })
  }

  async write(documentId: string, text: string): Promise<void> {
    const path = this.#path(documentId)
    await writeFile(`${path}.part`, text, { mode: 0o600 })
    await rename(`${path}.part`, path)
  }

  /** @throws SiloError document_unknown */
  async read(documentId: string): Promise<string> {
    try {
      return await readFile(this.#path(documentId), 'utf8')
    } catch (cause) {
      throw new SiloError('document_unknown', { cause })
    }
  }

  async remove(documentId: string): Promise<void> {
    await rm(this.#path(documentId), { force: true })
  }

  #path(documentId: string): string {
    if (!/^[0-9a-f]{32}$/.test(documentId)) throw new SiloError('document_unknown')
    return join(this.#directory, `${documentId}.txt`)
  }
}
