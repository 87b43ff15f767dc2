import { createPrivateKey, createPublicKey, generateKeyPairSync } from 'node:crypto'
import type { SecretText } from './secret-text.ts'

/** The device's Ed25519 key as PKCS #8 PEM. It is made once. */
export function deviceKeyPem(stored: SecretText): string {
  const known = stored.read()
  if (known !== undefined) return known
  const pem = generateKeyPairSync('ed25519')
    .privateKey.export({ type: 'pkcs8', format: 'pem' })
    .toString()
  stored.write(pem)
  return pem
}

/** The peer id of the device with this key: its public key in the form libp2p gives it. */
export function deviceId(pem: string): string {
  const spki = createPublicKey(createPrivateKey(pem)).export({ type: 'spki', format: 'der' })
  // Identity multihash (0x00, 36 bytes) of the protobuf {type: Ed25519, data: key}.
  const prefix = Buffer.from([0x00, 0x24, 0x08, 0x01, 0x12, 0x20])
  return base58(Buffer.concat([prefix, spki.subarray(-32)]))
}

const base58Alphabet = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz'

function base58(bytes: Uint8Array): string {
  let value = BigInt(`0x${Buffer.from(bytes).toString('hex')}`)
  let text = ''
  for (; value > 0n; value /= 58n) text = base58Alphabet[Number(value % 58n)] + text
  for (const byte of bytes) {
    if (byte !== 0) break
    text = `1${text}`
  }
  return text
}
