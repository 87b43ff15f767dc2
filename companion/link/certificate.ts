import 'reflect-metadata'
import { createHash, webcrypto } from 'node:crypto'
import type { TransportCertificate } from '@libp2p/webrtc'
import * as x509 from '@peculiar/x509'
import * as v from 'valibot'
import type { SecretText } from '#companion/config/secret-text.ts'

const storedSchema = v.object({ pem: v.string(), privateKey: v.string() })
const lifetimeMs = 10 * 365 * 24 * 3600_000

/**
 * The certificate of WebRTC-direct. Its hash is part of every address given out, so it is made once and kept:
 * libp2p's own changes at each start. A stored one that cannot be read is replaced.
 */
export async function linkCertificate(stored: SecretText): Promise<TransportCertificate> {
  const known = parse(stored.read())
  if (known) return known
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])
  const certificate = await x509.X509CertificateGenerator.createSelfSigned(
    {
      serialNumber: Buffer.from(webcrypto.getRandomValues(new Uint8Array(15))).toString('hex'),
      name: 'CN=silo',
      notBefore: new Date(Date.now() - 24 * 3600_000),
      notAfter: new Date(Date.now() + lifetimeMs),
      keys: keys as CryptoKeyPair,
      signingAlgorithm: algorithm,
    },
    webcrypto as Crypto,
  )
  const pkcs8 = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey))
  const privateKey = x509.PemConverter.encode(
    pkcs8.buffer.slice(pkcs8.byteOffset, pkcs8.byteOffset + pkcs8.length),
    'PRIVATE KEY',
  )
  const pem = certificate.toString('pem')
  stored.write(JSON.stringify({ pem, privateKey }))
  return { pem, privateKey, certhash: certhashOf(pem) }
}

function parse(text: string | undefined): TransportCertificate | undefined {
  if (text === undefined) return undefined
  try {
    const { pem, privateKey } = v.parse(storedSchema, JSON.parse(text))
    if (new x509.X509Certificate(pem).notAfter.getTime() < Date.now()) return undefined
    return { pem, privateKey, certhash: certhashOf(pem) }
  } catch {
    return undefined
  }
}

/** Multibase base64url of the multihash (SHA-256, 32 bytes) of the certificate's DER. */
function certhashOf(pem: string): string {
  const der = Buffer.from(new x509.X509Certificate(pem).rawData)
  const hash = createHash('sha256').update(der).digest()
  return `u${Buffer.concat([Buffer.from([0x12, 0x20]), hash]).toString('base64url')}`
}
