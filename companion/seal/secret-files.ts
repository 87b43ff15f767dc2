import { chmodSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { basename } from 'node:path'
import type { SecretText } from '#companion/config/secret-text.ts'
import type { Seal } from './seal.ts'

/** What the seal binds a secret file to. */
export const secretPurpose = (path: string): string => `secret:${basename(path)}`

/** Keys and certificates in the data folder: for their owner only, whole at any moment, sealed where that is on. */
export class SecretFiles {
  readonly #seal: Seal

  constructor(seal: Seal) {
    this.#seal = seal
  }

  /** Undefined where there is no such file. @throws SiloError home_locked, seal_damaged; other errors of the file system */
  read(path: string): string | undefined {
    let bytes: Buffer
    try {
      bytes = readFileSync(path)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
      throw error
    }
    chmodSync(path, 0o600)
    return Buffer.from(this.#seal.open(bytes, secretPurpose(path))).toString('utf8')
  }

  /** One file of them. */
  text(path: string): SecretText {
    return { read: () => this.read(path), write: (text) => this.write(path, text) }
  }

  write(path: string, text: string): void {
    const temporary = `${path}.${process.pid}.new`
    writeFileSync(temporary, this.#seal.seal(Buffer.from(text), secretPurpose(path)), { mode: 0o600 }) // prettier-ignore
    renameSync(temporary, path)
  }
}
