import { createCipheriv, createDecipheriv, randomBytes, scryptSync } from 'node:crypto'
import * as v from 'valibot'
import { SiloError } from '#shared/errors/silo-error.ts'
import type { Keychain } from './keychain.ts'

const base64 = v.pipe(v.string(), v.regex(/^[A-Za-z0-9+/]+=*$/), v.maxLength(400))
const wrappedSchema = v.object({
  salt: base64,
  /** log2 of scrypt's cost; r = 8, p = 1. */
  cost: v.pipe(v.number(), v.integer(), v.minValue(14), v.maxValue(20)),
  /** Nonce, ciphertext and tag of the data key. */
  key: base64,
})
type Wrapped = v.InferOutput<typeof wrappedSchema>

/** `<home>/seal.json`: how the data key is got at. It holds no key in the clear. */
export const envelopeSchema = v.object({
  version: v.literal(1),
  method: v.picklist(['keychain', 'passphrase']),
  /** Entry of the keychain. */
  account: v.string(),
  passphrase: v.optional(wrappedSchema),
  /** The same key under the recovery code that was shown once. */
  recovery: wrappedSchema,
  /** Notes are sealed too; else they stay readable for other programs. */
  notes: v.boolean(),
  /** Files are being brought to this state; finished at the next start if that broke off. */
  pending: v.optional(v.picklist(['seal', 'open'])),
})
export type Envelope = v.InferOutput<typeof envelopeSchema>

export const dataKeyBytes = 32
const cost = 17

export function newDataKey(): Buffer {
  return randomBytes(dataKeyBytes)
}

/** 130 bits in groups of five letters and digits, none of which is taken for another. */
export function newRecoveryCode(): string {
  const letters = 'ABCDEFGHJKMNPQRSTVWXYZ0123456789'
  const code = [...randomBytes(26)].map((byte) => letters[byte & 31]).join('')
  return code.match(/.{1,5}/g)!.join('-')
}

/** The same code however it was typed: case, dashes, and letters that look like digits. */
export function normalRecoveryCode(text: string): string {
  const plain = text.toUpperCase().replaceAll('O', '0').replace(/[IL]/g, '1')
  return plain.replace(/[^A-Z0-9]/g, '')
}

export function wrapKey(key: Uint8Array, secret: string): Wrapped {
  const salt = randomBytes(16)
  const nonce = randomBytes(12)
  const cipher = createCipheriv('aes-256-gcm', stretched(secret, salt, cost), nonce)
  const body = Buffer.concat([cipher.update(key), cipher.final(), cipher.getAuthTag()])
  return {
    salt: salt.toString('base64'),
    cost,
    key: Buffer.concat([nonce, body]).toString('base64'),
  }
}

/** Undefined where the secret is not the right one. */
export function unwrapKey(wrapped: Wrapped, secret: string): Buffer | undefined {
  const bytes = Buffer.from(wrapped.key, 'base64')
  if (bytes.length !== 12 + dataKeyBytes + 16) return undefined
  const key = stretched(secret, Buffer.from(wrapped.salt, 'base64'), wrapped.cost)
  const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, 12), { authTagLength: 16 }) // prettier-ignore
  decipher.setAuthTag(bytes.subarray(-16))
  try {
    return Buffer.concat([decipher.update(bytes.subarray(12, -16)), decipher.final()])
  } catch {
    return undefined
  }
}

/** What may open an envelope. */
export interface Secrets {
  readonly passphrase?: string
  readonly recoveryCode?: string
  readonly keychain?: Keychain
}

/**
 * Gets the data key by whatever is at hand: recovery code, passphrase, keychain.
 * @throws SiloError home_locked (nothing at hand), passphrase_wrong
 */
export function openEnvelope(envelope: Envelope, secrets: Secrets): Buffer {
  const { passphrase, recoveryCode, keychain } = secrets
  if (recoveryCode !== undefined) {
    const key = unwrapKey(envelope.recovery, normalRecoveryCode(recoveryCode))
    if (key) return key
    throw new SiloError('passphrase_wrong')
  }
  if (envelope.passphrase && passphrase !== undefined) {
    const key = unwrapKey(envelope.passphrase, passphrase.normalize('NFC'))
    if (key) return key
    throw new SiloError('passphrase_wrong')
  }
  if (envelope.method === 'keychain') {
    const key = Buffer.from(readKeychain(keychain, envelope.account) ?? '', 'base64')
    if (key.length === dataKeyBytes) return key
  }
  throw new SiloError('home_locked')
}

function readKeychain(keychain: Keychain | undefined, account: string): string | undefined {
  try {
    return keychain?.read(account)
  } catch {
    return undefined
  }
}

function stretched(secret: string, salt: Uint8Array, log2: number): Buffer {
  return scryptSync(secret, salt, 32, { N: 2 ** log2, r: 8, p: 1, maxmem: 2 ** (log2 + 11) })
}
