import { createPrivateKey } from 'node:crypto'
import { privateKeyFromRaw } from '@libp2p/crypto/keys'
import type { Ed25519PrivateKey } from '@libp2p/interface'

/** The device key, a PKCS #8 PEM of Ed25519, as libp2p wants it. */
export function linkKey(pem: string): Ed25519PrivateKey {
  const { d, x } = createPrivateKey(pem).export({ format: 'jwk' })
  if (d === undefined || x === undefined) throw new Error('the device key is no Ed25519 key')
  const raw = Buffer.concat([Buffer.from(d, 'base64url'), Buffer.from(x, 'base64url')])
  return privateKeyFromRaw(raw) as Ed25519PrivateKey
}
