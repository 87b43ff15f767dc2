// @peculiar/x509 needs it, before it is loaded itself.
import 'reflect-metadata'
import { createHash, createPrivateKey, createPublicKey, randomBytes } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import * as x509 from '@peculiar/x509'
import { nameConstraints } from './name-constraints.ts'

const dayMs = 24 * 3600 * 1000
/** The clock of a phone may be behind ours. */
const clockSkewMs = dayMs
const caYears = 10
/** Apple refuses certificates that are valid for longer than 398 days. */
const leafDays = 397
/** A certificate is replaced this long before it ends. */
const renewAheadMs = 30 * dayMs
const curve = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const

/** What a TLS server needs, and what it says. */
export interface ServerCertificate {
  /** PEM. */
  readonly key: string
  /** PEM: the certificate, then the authority's. */
  readonly chain: string
  readonly names: readonly string[]
  readonly addresses: readonly string[]
  /** When it should be replaced, ms since 1970: well ahead of its end. */
  readonly renewAt: number
}

export interface LocalCaOptions {
  /** Where key and certificate lie; made if missing. */
  readonly folder: string
  /** What people see in their list of authorities, e.g. `Silo local CA (desk)`. */
  readonly name: string
  /** Files that only their owner may read. */
  readonly secrets: {
    read(path: string): string | undefined
    write(path: string, text: string): void
  }
  readonly now?: () => number
}

/**
 * The certificate authority of this companion alone. It signs for private addresses, `.local` names and localhost
 * and, by its name constraints, cannot be used for anything else; it signs no further authorities. Its key never
 * leaves the data folder. A device trusts it because its owner compared the fingerprint and installed it.
 */
export class LocalCa {
  readonly #key: CryptoKey
  readonly #certificate: x509.X509Certificate
  readonly #now: () => number

  private constructor(key: CryptoKey, certificate: x509.X509Certificate, now: () => number) {
    this.#key = key
    this.#certificate = certificate
    this.#now = now
  }

  /** The authority in the folder. A missing, damaged or nearly ended one is made anew: devices have to trust it again. */
  static async open(options: LocalCaOptions): Promise<LocalCa> {
    const now = options.now ?? Date.now
    mkdirSync(options.folder, { recursive: true, mode: 0o700 })
    const found = await read(options, now())
    if (found) return new LocalCa(found.key, found.certificate, now)
    const made = await create(options.name, now())
    options.secrets.write(join(options.folder, keyFile), made.pem)
    options.secrets.write(join(options.folder, certificateFile), made.certificate.toString('pem'))
    return new LocalCa(made.key, made.certificate, now)
  }

  get pem(): string {
    return `${this.#certificate.toString('pem')}\n`
  }

  get der(): Uint8Array<ArrayBuffer> {
    return new Uint8Array(this.#certificate.rawData)
  }

  /** SHA-256 of the certificate as phones and browsers show it: `AB:CD:…`. */
  get fingerprint(): string {
    const hex = createHash('sha256').update(this.der).digest('hex').toUpperCase()
    return hex.match(/../g)!.join(':')
  }

  /**
   * A new key and certificate for these names and IPv4 addresses, which the constraints have to allow
   * (`.local`, localhost; private networks).
   */
  async issue(names: readonly string[], addresses: readonly string[]): Promise<ServerCertificate> {
    const now = this.#now()
    const keys = await crypto.subtle.generateKey(curve, true, ['sign', 'verify'])
    const end = Math.min(now - clockSkewMs + leafDays * dayMs, this.#certificate.notAfter.getTime())
    const certificate = await x509.X509CertificateGenerator.create(
      {
        serialNumber: serialNumber(),
        subject: [{ CN: [names[0] ?? addresses[0] ?? 'silo'] }],
        issuer: this.#certificate.subjectName,
        notBefore: new Date(now - clockSkewMs),
        notAfter: new Date(end),
        signingKey: this.#key,
        publicKey: keys.publicKey,
        signingAlgorithm: curve,
        extensions: [
          new x509.BasicConstraintsExtension(false, undefined, true),
          new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
          new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
          new x509.SubjectAlternativeNameExtension([
            ...names.map((value) => ({ type: 'dns' as const, value })),
            ...addresses.map((value) => ({ type: 'ip' as const, value })),
          ]),
          await x509.AuthorityKeyIdentifierExtension.create(
            this.#certificate.publicKey,
            false,
            crypto,
          ),
          await x509.SubjectKeyIdentifierExtension.create(keys.publicKey, false, crypto),
        ],
      },
      crypto,
    )
    return {
      key: await pemOf(keys.privateKey),
      chain: `${certificate.toString('pem')}\n${this.pem}`,
      names,
      addresses,
      renewAt: end - renewAheadMs,
    }
  }
}

const keyFile = 'ca-key.pem'
const certificateFile = 'ca.pem'

async function read(
  { folder, secrets }: LocalCaOptions,
  now: number,
): Promise<{ key: CryptoKey; certificate: x509.X509Certificate } | undefined> {
  try {
    const pem = secrets.read(join(folder, keyFile)) ?? ''
    const certificate = new x509.X509Certificate(secrets.read(join(folder, certificateFile)) ?? '')
    // Every certificate it signs has to be worth the trouble of trusting it.
    if (certificate.notAfter.getTime() - renewAheadMs < now) return undefined
    const spki = createPublicKey(createPrivateKey(pem)).export({ type: 'spki', format: 'der' })
    if (!spki.equals(Buffer.from(certificate.publicKey.rawData))) return undefined
    const der = x509.PemConverter.decodeFirst(pem)
    return {
      key: await crypto.subtle.importKey('pkcs8', der, curve, false, ['sign']),
      certificate,
    }
  } catch {
    return undefined
  }
}

async function create(
  name: string,
  now: number,
): Promise<{ key: CryptoKey; pem: string; certificate: x509.X509Certificate }> {
  const keys = await crypto.subtle.generateKey(curve, true, ['sign', 'verify'])
  const certificate = await x509.X509CertificateGenerator.createSelfSigned(
    {
      serialNumber: serialNumber(),
      name: [{ CN: [name] }, { O: ['Silo'] }],
      notBefore: new Date(now - clockSkewMs),
      notAfter: new Date(now + caYears * 365.25 * dayMs),
      keys,
      signingAlgorithm: curve,
      extensions: [
        new x509.BasicConstraintsExtension(true, 0, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true), // prettier-ignore
        new x509.Extension('2.5.29.30', true, nameConstraints()),
        await x509.SubjectKeyIdentifierExtension.create(keys.publicKey, false, crypto),
      ],
    },
    crypto,
  )
  return { key: keys.privateKey, pem: await pemOf(keys.privateKey), certificate }
}

/** 126 random bits: positive, and never a zero first. */
function serialNumber(): string {
  const bytes = randomBytes(16)
  bytes[0] = (bytes[0]! & 0x3f) | 0x40
  return bytes.toString('hex')
}

async function pemOf(key: CryptoKey): Promise<string> {
  const der = await crypto.subtle.exportKey('pkcs8', key)
  return `${x509.PemConverter.encode(der, 'PRIVATE KEY')}\n`
}
