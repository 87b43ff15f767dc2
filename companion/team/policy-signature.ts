import { createPrivateKey, createPublicKey, sign, verify } from 'node:crypto'
import { peerIdFromString } from '@libp2p/peer-id'
import type { CollectionPolicy, SignedPolicy } from '#shared/domain/sharing.ts'

/** So that no signature for another purpose is ever taken for one over a policy. */
const purpose = 'silo collection policy 1\n'
/** DER in front of the 32 bytes of an Ed25519 public key. */
const spkiPrefix = Buffer.from('302a300506032b6570032100', 'hex')

/** @param keyPem the device key of `policy.home`, PKCS #8 */
export function signPolicy(policy: CollectionPolicy, keyPem: string): SignedPolicy {
  const signature = sign(null, signedBytes(policy), createPrivateKey(keyPem)).toString('base64url')
  return { policy, signature }
}

/** Whether the device that `home` names signed exactly this. */
export function isSigned({ policy, signature }: SignedPolicy): boolean {
  try {
    const { publicKey } = peerIdFromString(policy.home)
    if (publicKey?.type !== 'Ed25519') return false
    const key = createPublicKey({
      key: Buffer.concat([spkiPrefix, publicKey.raw]),
      format: 'der',
      type: 'spki',
    })
    return verify(null, signedBytes(policy), key, Buffer.from(signature, 'base64url'))
  } catch {
    return false
  }
}

/** JSON with the keys in order and without what is undefined: the same bytes on every device. */
export function canonicalJson(value: unknown): string {
  if (value === null || typeof value !== 'object') return JSON.stringify(value) ?? 'null'
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`
  const entries = Object.entries(value).filter(([, each]) => each !== undefined)
  entries.sort(([a], [b]) => (a < b ? -1 : 1))
  return `{${entries.map(([key, each]) => `${JSON.stringify(key)}:${canonicalJson(each)}`).join(',')}}`
}

function signedBytes(policy: CollectionPolicy): Buffer {
  return Buffer.from(purpose + canonicalJson(policy))
}
