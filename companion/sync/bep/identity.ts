import 'reflect-metadata'
import { createHash, createPrivateKey, sign, verify, webcrypto, X509Certificate } from 'node:crypto'
import * as x509 from '@peculiar/x509'
import * as v from 'valibot'
import type { SecretText } from '#companion/config/secret-text.ts'
import { ProtocolViolation } from './proto.ts'

/** This device in the Block Exchange Protocol. The certificate is made once: its hash is the device's id. */
export interface BepIdentity {
  /** PEM. */
  readonly certificate: string
  /** PKCS #8 PEM. */
  readonly privateKey: string
  readonly der: Uint8Array
  /** 32 bytes. */
  readonly bepId: Uint8Array
}

const storedSchema = v.object({ certificate: v.string(), privateKey: v.string() })
const lifetimeMs = 30 * 365 * 24 * 3600_000
/** What Syncthing expects a certificate to be of. */
const commonName = 'syncthing'

/**
 * The stored identity, or a new one. A stored one that cannot be read is an error: a new one would be another device
 * to everybody who knows this one.
 */
export async function bepIdentity(stored: SecretText): Promise<BepIdentity> {
  const text = stored.read()
  if (text !== undefined) return withId(v.parse(storedSchema, JSON.parse(text)))
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])
  const made = await x509.X509CertificateGenerator.createSelfSigned(
    {
      // Positive, or Go does not read the certificate.
      serialNumber: `01${Buffer.from(webcrypto.getRandomValues(new Uint8Array(14))).toString('hex')}`,
      name: `CN=${commonName}`,
      notBefore: new Date(Date.now() - 24 * 3600_000),
      notAfter: new Date(Date.now() + lifetimeMs),
      keys: keys as CryptoKeyPair,
      signingAlgorithm: algorithm,
      extensions: [
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
        new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth, x509.ExtendedKeyUsage.clientAuth]), // prettier-ignore
        new x509.BasicConstraintsExtension(false),
        new x509.SubjectAlternativeNameExtension([{ type: 'dns', value: commonName }]),
      ],
    },
    webcrypto as Crypto,
  )
  const pkcs8 = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey))
  const privateKey = createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' })
    .export({ type: 'pkcs8', format: 'pem' })
    .toString()
  const parts = { certificate: made.toString('pem'), privateKey }
  stored.write(JSON.stringify(parts))
  return withId(parts)
}

function withId(parts: { certificate: string; privateKey: string }): BepIdentity {
  const der = new X509Certificate(parts.certificate).raw
  return { ...parts, der, bepId: idOfCertificate(der) }
}

export function idOfCertificate(der: Uint8Array): Uint8Array {
  return new Uint8Array(createHash('sha256').update(der).digest())
}

/** The first 8 bytes of a device id, big endian: how versions name a device. */
export function shortId(bepId: Uint8Array): bigint {
  return Buffer.from(bepId.buffer, bepId.byteOffset, 8).readBigUInt64BE()
}

const maxCertificateBytes = 16 * 1024

/**
 * That this device, under its id of libp2p, is the one of its certificate: over Noise nothing else says so. It names
 * both ends, so that nobody can show it to another.
 */
export function proveIdentity(
  identity: BepIdentity,
  ownPeerId: string,
  peerId: string,
): Uint8Array {
  return sign('sha256', statement(ownPeerId, peerId), identity.privateKey)
}

/** The device id of who said so. @throws ProtocolViolation unless the proof is right */
export function checkIdentity(
  proof: { readonly certificate: Uint8Array; readonly signature: Uint8Array },
  peerId: string,
  ownPeerId: string,
): Uint8Array {
  const { certificate, signature } = proof
  if (certificate.length === 0 || certificate.length > maxCertificateBytes)
    throw new ProtocolViolation('a certificate of no size that is allowed')
  let proved = false
  try {
    const { publicKey } = new X509Certificate(certificate)
    proved =
      publicKey.asymmetricKeyType === 'ec' &&
      verify('sha256', statement(peerId, ownPeerId), publicKey, signature)
  } catch (cause) {
    throw new ProtocolViolation('a certificate that cannot be read', { cause })
  }
  if (!proved) throw new ProtocolViolation('an identity that is not proved')
  return idOfCertificate(certificate)
}

function statement(from: string, to: string): Buffer {
  return Buffer.from(`silo bep identity 1\0${from}\0${to}`)
}
