import { createPrivateKey, createPublicKey, sign, verify } from 'node:crypto'
import { peerIdFromString } from '@libp2p/peer-id'

/** DER in front of the 32 bytes of an Ed25519 public key. */
const spkiPrefix = Buffer.from('302a300506032b6570032100', 'hex')

/**
 * Signs for one purpose only: no signature is ever taken for one over something else.
 * @param keyPem the device key, PKCS #8 @returns base64url
 */
export function signAsDevice(keyPem: string, purpose: string, bytes: Uint8Array): string {
  return sign(null, bound(purpose, bytes), createPrivateKey(keyPem)).toString('base64url')
}

/** Whether the device of this peer id signed exactly these bytes for this purpose. Never throws. */
export function isSignedBy(
  peerId: string,
  purpose: string,
  bytes: Uint8Array,
  signature: string,
): boolean {
  try {
    const { publicKey } = peerIdFromString(peerId)
    if (publicKey?.type !== 'Ed25519') return false
    const der = Buffer.concat([spkiPrefix, publicKey.raw])
    const key = createPublicKey({ key: der, format: 'der', type: 'spki' })
    return verify(null, bound(purpose, bytes), key, Buffer.from(signature, 'base64url'))
  } catch {
    return false
  }
}

function bound(purpose: string, bytes: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from(`${purpose}\n`), bytes])
}
