import { publicKeyFromRaw } from '@libp2p/crypto/keys'
import type { Ed25519PrivateKey, Ed25519PublicKey } from '@libp2p/interface'
import { openDB } from 'idb'
import { SiloError } from '#shared/errors/silo-error.ts'

/**
 * This browser's identity: an Ed25519 key that WebCrypto keeps and never gives out, not even to this page. Its public
 * half is the device's id. Kept in IndexedDB; where a browser clears that, it is a new device.
 * @throws SiloError insecure_context, device_key_unsupported
 */
export async function loadDeviceKey(): Promise<Ed25519PrivateKey> {
  if (typeof crypto === 'undefined' || !crypto.subtle) throw new SiloError('insecure_context')
  let keys: CryptoKeyPair
  try {
    keys = await storedKeys()
  } catch (cause) {
    // No Ed25519 here, or no store that takes a key, as in some private windows.
    throw new SiloError('device_key_unsupported', { cause })
  }
  const raw = await crypto.subtle.exportKey('raw', keys.publicKey)
  const publicKey = publicKeyFromRaw(new Uint8Array(raw)) as Ed25519PublicKey
  return {
    type: 'Ed25519',
    publicKey,
    get raw(): Uint8Array {
      throw new Error('the device key never leaves the browser')
    },
    equals: (other: { publicKey?: unknown }) => publicKey.equals(other?.publicKey),
    async sign(data) {
      const bytes = data instanceof Uint8Array ? data : data.subarray()
      return new Uint8Array(
        await crypto.subtle.sign('Ed25519', keys.privateKey, bytes as Uint8Array<ArrayBuffer>),
      )
    },
  }
}

async function storedKeys(): Promise<CryptoKeyPair> {
  const db = await openDB('silo-device', 1, { upgrade: (db) => void db.createObjectStore('keys') })
  try {
    const stored = (await db.get('keys', 'device')) as CryptoKeyPair | undefined
    if (stored) return stored
    const made = (await crypto.subtle.generateKey({ name: 'Ed25519' }, false, [
      'sign',
      'verify',
    ])) as CryptoKeyPair
    // Another tab may have made one meanwhile: the first one stored counts, for all.
    const change = db.transaction('keys', 'readwrite')
    const first = (await change.store.get('device')) as CryptoKeyPair | undefined
    if (!first) await change.store.put(made, 'device')
    await change.done
    return first ?? made
  } finally {
    db.close()
  }
}
