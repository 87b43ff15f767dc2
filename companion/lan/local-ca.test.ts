import { execFileSync } from 'node:child_process'
import { X509Certificate } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as tls from 'node:tls'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { SecretFiles } from '#companion/seal/secret-files.ts'
import { Seal } from '#companion/seal/seal.ts'
import { LocalCa, type ServerCertificate } from './local-ca.ts'

const day = 24 * 3600 * 1000
let folder: string
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'silo-ca-'))))
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const open = (now?: () => number): Promise<LocalCa> =>
  LocalCa.open({ folder, name: 'Silo local CA (desk)', secrets: new SecretFiles(new Seal()), ...(now ? { now } : {}) }) // prettier-ignore

const inDays = (days: number) => () => Date.now() + days * day

const leafOf = (certificate: ServerCertificate): X509Certificate =>
  new X509Certificate(certificate.chain)

/** What `openssl verify` says of a certificate under the authority, asked for a name or address. */
function verify(ca: LocalCa, certificate: ServerCertificate, ...args: string[]): string {
  const caPath = join(folder, 'trusted.pem')
  const leafPath = join(folder, 'leaf.pem')
  writeFileSync(caPath, ca.pem)
  writeFileSync(leafPath, leafOf(certificate).toString())
  const command = ['verify', '-x509_strict', '-purpose', 'sslserver', '-CAfile', caPath, ...args, leafPath] // prettier-ignore
  try {
    return execFileSync('openssl', command, { encoding: 'utf8', stdio: 'pipe' }).trim()
  } catch (error) {
    return (error as { stderr: string }).stderr
  }
}

/** Connects to a server with this certificate; `authorized` or the reason why not. */
async function connect(
  certificate: ServerCertificate,
  options: { ca?: string; servername?: string; asked?: string },
): Promise<string> {
  const server = tls.createServer({ key: certificate.key, cert: certificate.chain })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  const { asked, ...rest } = options
  const host = asked ?? options.servername ?? '127.0.0.1'
  try {
    return await new Promise((resolve) => {
      const socket = tls.connect({
        port,
        host: '127.0.0.1',
        checkServerIdentity: (_, peer) => tls.checkServerIdentity(host, peer),
        ...rest,
      })
      socket.once('secureConnect', () => {
        resolve('authorized')
        socket.destroy()
      })
      socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message))
    })
  } finally {
    server.close()
  }
}

describe('the authority', () => {
  it('is made once, kept for its owner only, and says what it may sign', async () => {
    const first = await open()
    const second = await open()
    expect(second.fingerprint).toBe(first.fingerprint)
    expect(first.fingerprint).toMatch(/^([0-9A-F]{2}:){31}[0-9A-F]{2}$/)
    for (const file of ['ca-key.pem', 'ca.pem'])
      expect(statSync(join(folder, file)).mode & 0o777).toBe(0o600)

    const certificate = new X509Certificate(first.pem)
    expect(certificate.fingerprint256).toBe(first.fingerprint)
    expect(Buffer.from(first.der).equals(certificate.raw)).toBe(true)
    expect(certificate.ca).toBe(true)
    const years = (certificate.validToDate.getTime() - Date.now()) / (365.25 * day)
    expect(years).toBeCloseTo(10, 1)
    const text = execFileSync('openssl', ['x509', '-noout', '-text'], { input: first.pem, encoding: 'utf8' }) // prettier-ignore
    expect(text).toMatch(/Basic Constraints: critical\s+CA:TRUE, pathlen:0/)
    expect(text).toMatch(/Key Usage: critical\s+Certificate Sign, CRL Sign/)
    expect(text).toMatch(/Name Constraints: critical\s+Permitted:\s+DNS:local\s+DNS:localhost\s+IP:10\.0\.0\.0\/255\.0\.0\.0/) // prettier-ignore
    expect(text).toContain('IP:172.16.0.0/255.240.0.0')
    expect(text).toContain('NIST CURVE: P-256')
  })

  it('is made anew when its files are damaged, do not belong together, or it is about to end', async () => {
    const first = await open()
    writeFileSync(join(folder, 'ca.pem'), '-----BEGIN CERTIFICATE-----\nAAAA')
    const second = await open()
    expect(second.fingerprint).not.toBe(first.fingerprint)

    const other = mkdtempSync(join(tmpdir(), 'silo-ca-'))
    await LocalCa.open({ folder: other, name: 'x', secrets: new SecretFiles(new Seal()) })
    writeFileSync(join(folder, 'ca-key.pem'), readFileSync(join(other, 'ca-key.pem')))
    rmSync(other, { recursive: true })
    const third = await open()
    expect(third.fingerprint).not.toBe(second.fingerprint)

    expect((await open(inDays(9 * 365))).fingerprint).toBe(third.fingerprint)
    expect((await open(inDays(10 * 365.25 - 20))).fingerprint).not.toBe(third.fingerprint)
  })
})

describe('a certificate', () => {
  it('holds for its names and addresses, with openssl and with node', async () => {
    const ca = await open()
    const names = ['silo.local', 'silo-abc123.local', 'localhost']
    const certificate = await ca.issue(names, ['192.168.1.5', '127.0.0.1'])
    for (const args of [
      ['-verify_hostname', 'silo.local'],
      ['-verify_hostname', 'localhost'],
      ['-verify_ip', '192.168.1.5'],
    ])
      // prettier-ignore
      expect(verify(ca, certificate, ...args)).toMatch(/: OK$/)
    expect(verify(ca, certificate, '-verify_ip', '192.168.1.6')).toContain('IP address mismatch')
    expect(verify(ca, certificate, '-verify_hostname', 'other.local')).toContain('hostname mismatch') // prettier-ignore

    const { pem } = ca
    expect(await connect(certificate, { ca: pem, servername: 'silo.local' })).toBe('authorized')
    expect(await connect(certificate, { ca: pem })).toBe('authorized')
    expect(await connect(certificate, { ca: pem, asked: '192.168.1.6' })).toBe('ERR_TLS_CERT_ALTNAME_INVALID') // prettier-ignore
    expect(await connect(certificate, {})).toBe('SELF_SIGNED_CERT_IN_CHAIN')
  })

  it('is valid for no longer than browsers accept, and due for renewal well before its end', async () => {
    const ca = await open()
    const certificate = await ca.issue(['silo.local'], [])
    const leaf = leafOf(certificate)
    const valid = leaf.validToDate.getTime() - leaf.validFromDate.getTime()
    expect(valid).toBeLessThanOrEqual(397 * day)
    expect(leaf.validFromDate.getTime()).toBeLessThan(Date.now())
    expect(certificate.renewAt).toBeLessThan(leaf.validToDate.getTime() - 29 * day)
    expect(certificate.renewAt).toBeGreaterThan(Date.now() + 300 * day)
    expect(leaf.ca).toBe(false)
    expect(leaf.keyUsage).toEqual(['1.3.6.1.5.5.7.3.1'])
    const again = leafOf(await ca.issue(['silo.local'], []))
    expect(again.serialNumber).not.toBe(leaf.serialNumber)
    expect(again.publicKey.equals(leaf.publicKey)).toBe(false)

    const lastDays = await open(inDays(9.8 * 365.25))
    const late = leafOf(await lastDays.issue(['silo.local'], []))
    expect(late.validToDate.getTime()).toBe(new X509Certificate(lastDays.pem).validToDate.getTime())
  })

  it('is refused by verifiers for anything outside the house, even if the authority signs it', async () => {
    const ca = await open()
    for (const [names, addresses] of [
      [['bank.example'], []],
      [['silo.local', 'mail.example.org'], []],
      [['local.example'], []],
      [[], ['8.8.8.8']],
      [[], ['172.32.0.1']],
      [[], ['fd00::2']],
    ] as const)
      // prettier-ignore
      expect(verify(ca, await ca.issue(names, addresses)), [...names, ...addresses].join()).toContain('permitted subtree violation')
  })
})
