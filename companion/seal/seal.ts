import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as v from 'valibot'
import { SiloError } from '#shared/errors/silo-error.ts'
import { envelopeSchema, openEnvelope, type Envelope, type Secrets } from './key-envelope.ts'
import { isSealed, openBytes, sealBytes } from './sealed-bytes.ts'

/** Encrypts what is written into the data folder and decrypts what is read. Off, it passes everything through. */
export class Seal {
  readonly #key: Uint8Array | undefined
  /** Whether notes are sealed too. */
  readonly notes: boolean

  constructor(key?: Uint8Array, notes = false) {
    this.#key = key
    this.notes = notes
  }

  get on(): boolean {
    return this.#key !== undefined
  }

  /** `purpose` names the kind of file and what it is about; `open` needs the same. */
  seal(bytes: Uint8Array, purpose: string): Uint8Array {
    return this.#key ? sealBytes(this.#key, bytes, purpose) : bytes
  }

  /** What is not sealed is given back as it is. @throws SiloError home_locked, seal_damaged */
  open(bytes: Uint8Array, purpose: string): Uint8Array {
    if (!isSealed(bytes)) return bytes
    if (!this.#key) throw new SiloError('home_locked')
    return openBytes(this.#key, bytes, purpose)
  }
}

export const envelopePath = (home: string): string => join(home, 'seal.json')

/** Undefined where the folder is not encrypted. @throws SiloError seal_damaged */
export function readEnvelope(home: string): Envelope | undefined {
  let text: string
  try {
    text = readFileSync(envelopePath(home), 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw new SiloError('storage_failed', { cause: error })
  }
  try {
    return v.parse(envelopeSchema, JSON.parse(text))
  } catch (cause) {
    // To go on without the key would write beside the sealed data a second life of it.
    throw new SiloError('seal_damaged', { params: { name: 'seal.json' }, cause })
  }
}

/** In one step and on the disk: it is the only way to everything that is sealed. */
export function writeEnvelope(home: string, envelope: Envelope): void {
  const temporary = `${envelopePath(home)}.${process.pid}.new`
  writeFileSync(temporary, JSON.stringify(envelope), { mode: 0o600, flush: true })
  renameSync(temporary, envelopePath(home))
}

/** The seal of a data folder. @throws SiloError home_locked, passphrase_wrong, seal_damaged */
export function openSeal(home: string, secrets: Secrets): Seal {
  const envelope = readEnvelope(home)
  return envelope ? new Seal(openEnvelope(envelope, secrets), envelope.notes) : new Seal()
}
