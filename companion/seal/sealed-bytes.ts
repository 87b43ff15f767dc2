import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import { SiloError } from '#shared/errors/silo-error.ts'

/** Begins every sealed file; then 12 bytes nonce, the ciphertext, 16 bytes tag (AES-256-GCM). */
const magic = Buffer.from('silo-sealed-1\n')
const nonceBytes = 12
const tagBytes = 16

export function isSealed(bytes: Uint8Array): boolean {
  return (
    bytes.byteLength >= magic.length + nonceBytes + tagBytes &&
    magic.equals(bytes.subarray(0, magic.length))
  )
}

/** `purpose` is bound to the content: a file that was swapped for another one does not open. */
export function sealBytes(key: Uint8Array, bytes: Uint8Array, purpose: string): Buffer {
  const nonce = randomBytes(nonceBytes)
  const cipher = createCipheriv('aes-256-gcm', key, nonce, { authTagLength: tagBytes })
  cipher.setAAD(Buffer.from(purpose))
  const body = Buffer.concat([cipher.update(bytes), cipher.final()])
  return Buffer.concat([magic, nonce, body, cipher.getAuthTag()])
}

/** @throws SiloError seal_damaged: another key, another purpose, or changed bytes */
export function openBytes(key: Uint8Array, sealed: Uint8Array, purpose: string): Buffer {
  const nonce = sealed.subarray(magic.length, magic.length + nonceBytes)
  const tag = sealed.subarray(sealed.byteLength - tagBytes)
  const decipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: tagBytes })
  decipher.setAAD(Buffer.from(purpose))
  decipher.setAuthTag(tag)
  try {
    const body = sealed.subarray(magic.length + nonceBytes, sealed.byteLength - tagBytes)
    return Buffer.concat([decipher.update(body), decipher.final()])
  } catch (cause) {
    throw new SiloError('seal_damaged', { params: { name: purpose }, cause })
  }
}
