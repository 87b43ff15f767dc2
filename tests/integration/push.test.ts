import 'reflect-metadata'
import { createDecipheriv, createECDH, createPublicKey, hkdfSync, randomBytes, verify, webcrypto } from 'node:crypto' // prettier-ignore
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { createServer, request, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PemConverter, X509CertificateGenerator } from '@peculiar/x509'
import * as v from 'valibot'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { EgressGate } from '#companion/observe/egress-gate.ts'
import { EgressLedger } from '#companion/observe/egress.ts'
import { silentLog } from '#companion/observe/log.ts'
import { Seal } from '#companion/seal/seal.ts'
import { SecretFiles } from '#companion/seal/secret-files.ts'
import { pushKeys } from '#companion/push/push-keys.ts'
import { PushRecords } from '#companion/push/push-records.ts'
import { isPushService, longRunMs, Push, type PushPost } from '#companion/push/push.ts'
import { openDatabase } from '#companion/records/database.ts'
import type { RunRecord } from '#companion/runs/run-log.ts'
import { newId } from '#shared/domain/ids.ts'
import { pushPayloadSchema, type PushSubscriptionInfo } from '#shared/protocol/push.ts'

/** A push service with TLS, and a browser that subscribed there: it decrypts what arrives, as RFC 8291 says. */
interface Arrival {
  readonly path: string
  readonly headers: Record<string, string>
  readonly body: Buffer
  /** Entries in the ledger when it arrived. */
  readonly recorded: number
}
let certificate = ''
let service: Server
let origin = ''
let arrivals: Arrival[] = []
let answer = 201

beforeAll(async () => {
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])
  const cert = await X509CertificateGenerator.createSelfSigned({
    name: 'CN=localhost',
    // The library's types name the browser's keys; they are the same objects.
    keys: keys as never,
    signingAlgorithm: algorithm,
    notBefore: new Date(Date.now() - 60_000),
    notAfter: new Date(Date.now() + 3600_000),
  })
  certificate = cert.toString('pem')
  const key = PemConverter.encode(
    await webcrypto.subtle.exportKey('pkcs8', keys.privateKey),
    'PRIVATE KEY',
  )
  service = createServer({ cert: certificate, key }, (incoming, response) => {
    const pieces: Buffer[] = []
    const recorded = ledger.list({ limit: 500 }).total
    incoming.on('data', (piece: Buffer) => pieces.push(piece))
    incoming.on('end', () => {
      const headers = incoming.headers as Record<string, string>
      arrivals.push({ path: incoming.url ?? '', headers, body: Buffer.concat(pieces), recorded })
      response.writeHead(answer).end()
    })
  })
  await new Promise<void>((resolve) => service.listen(0, '127.0.0.1', resolve))
  origin = `https://localhost:${(service.address() as AddressInfo).port}`
})
afterAll(() => void service.close())

const secrets = new SecretFiles(new Seal())
let home: string
let database: ReturnType<typeof openDatabase>
let ledger: EgressLedger
let gate: EgressGate
let records: PushRecords
let enabled: boolean
let spaces: Map<string, string>
let push: Push

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'silo-push-'))
  database = openDatabase(join(home, 'silo.db'))
  ledger = new EgressLedger(database)
  gate = new EgressGate({ ledger, requireWeb() {}, log: silentLog })
  records = new PushRecords(database)
  enabled = true
  spaces = new Map([
    ['', ''],
    ['phone', ''],
    ['guest', 'guest'],
  ])
  arrivals = []
  answer = 201
  push = new Push({
    records,
    keys: () => pushKeys(secrets.text(join(home, 'push-key'))),
    egress: gate,
    enabled: () => enabled,
    spaceOfDevice: (id) => spaces.get(id),
    log: silentLog,
    isPushService: (url) => url.origin === origin,
    post: overTls,
    askedAfterMs: 40,
  })
})
afterEach(() => {
  push.close()
  gate[Symbol.dispose]()
  database.close()
  rmSync(home, { recursive: true, force: true })
})

/** As `fetch`, but trusting the certificate made above. */
const overTls: PushPost = (url, { headers, body, signal }) =>
  new Promise((resolve, reject) => {
    const outgoing = request(
      url,
      { method: 'POST', headers, ca: certificate, signal },
      (response) => {
        response.resume()
        resolve({ status: response.statusCode ?? 0 })
      },
    )
    outgoing.once('error', reject)
    outgoing.end(body)
  })

function browser(name: string) {
  const ecdh = createECDH('prime256v1')
  ecdh.generateKeys()
  const auth = randomBytes(16)
  const subscription: PushSubscriptionInfo = {
    endpoint: `${origin}/send/${name}`,
    keys: {
      p256dh: ecdh.getPublicKey().toString('base64url'),
      auth: auth.toString('base64url'),
    },
  }
  const own = ecdh.getPublicKey()
  const decrypt = (body: Buffer): unknown => {
    // RFC 8188: salt, record size, key id length, key id; RFC 8291: how the key comes about.
    const salt = body.subarray(0, 16)
    const idLength = body.readUInt8(20)
    const theirs = body.subarray(21, 21 + idLength)
    const shared = ecdh.computeSecret(theirs)
    const info = Buffer.concat([Buffer.from('WebPush: info\0'), own, theirs])
    const ikm = Buffer.from(hkdfSync('sha256', shared, auth, info, 32))
    const key = Buffer.from(hkdfSync('sha256', ikm, salt, 'Content-Encoding: aes128gcm\0', 16))
    const nonce = Buffer.from(hkdfSync('sha256', ikm, salt, 'Content-Encoding: nonce\0', 12))
    const sealed = body.subarray(21 + idLength)
    const decipher = createDecipheriv('aes-128-gcm', key, nonce)
    decipher.setAuthTag(sealed.subarray(-16))
    const plain = Buffer.concat([decipher.update(sealed.subarray(0, -16)), decipher.final()])
    const end = plain.lastIndexOf(2)
    expect(plain.subarray(end + 1).every((byte) => byte === 0)).toBe(true)
    return JSON.parse(plain.subarray(0, end).toString())
  }
  return { subscription, decrypt }
}

function runOf(change: Partial<RunRecord> = {}): RunRecord {
  return {
    id: newId(),
    kind: 'chat',
    subject: 'conversation-1',
    requestHash: '',
    space: '',
    startedAt: 1000,
    endedAt: 1000 + longRunMs,
    outcome: 'done',
    lastSeq: 9,
    ...change,
  }
}
const subscribe = (subscription: PushSubscriptionInfo, deviceId = 'phone') =>
  push.subscribe({ subscription, deviceId, deviceName: deviceId, language: 'zh' })

/** The last parts of the addresses that a run's end is sent to. */
async function paths(change: Partial<RunRecord>): Promise<(string | undefined)[]> {
  arrivals = []
  await push.runEnded(runOf(change))
  return arrivals.map(({ path }) => path.split('/').at(-1)).sort()
}

describe('Web Push', () => {
  it('tells a browser that a long task is over, and nothing else, readable by that browser alone', async () => {
    const phone = browser('phone')
    await subscribe(phone.subscription)
    const run = runOf()
    await push.runEnded(run)
    expect(arrivals).toHaveLength(1)
    const [{ headers, body, path }] = arrivals as [Arrival]
    expect(path).toBe('/send/phone')
    expect(headers).toMatchObject({ 'content-encoding': 'aes128gcm', ttl: '86400' })
    const payload = phone.decrypt(body)
    expect(v.parse(pushPayloadSchema, payload)).toEqual(payload)
    expect(payload).toEqual({
      type: 'run-ended',
      runId: run.id,
      kind: 'chat',
      subject: 'conversation-1',
      outcome: 'done',
      language: 'zh',
    })
    expect(() => browser('other').decrypt(body)).toThrow()
  })

  it('signs as itself, for this push service, with the key that browsers were given', async () => {
    await subscribe(browser('phone').subscription)
    await push.runEnded(runOf())
    const [, token = '', key = ''] =
      /^vapid t=([\w.-]+), k=([\w-]+)$/.exec(arrivals[0]?.headers.authorization ?? '') ?? []
    expect(key).toBe(push.info().publicKey)
    const [head = '', claims = '', signature = ''] = token.split('.')
    const point = Buffer.from(key, 'base64url')
    const jwk = {
      kty: 'EC',
      crv: 'P-256',
      x: point.subarray(1, 33).toString('base64url'),
      y: point.subarray(33).toString('base64url'),
    }
    const publicKey = createPublicKey({ key: jwk, format: 'jwk' })
    expect(
      verify(
        'sha256',
        Buffer.from(`${head}.${claims}`),
        { key: publicKey, dsaEncoding: 'ieee-p1363' },
        Buffer.from(signature, 'base64url'),
      ),
    ).toBe(true)
    const claimed = JSON.parse(Buffer.from(claims, 'base64url').toString()) as object
    expect(claimed).toMatchObject({ aud: origin, sub: expect.stringMatching(/^mailto:/) })
  })

  it('writes each send into the ledger before it leaves', async () => {
    await subscribe(browser('phone').subscription)
    await push.runEnded(runOf())
    expect(arrivals[0]?.recorded).toBe(1)
    gate.flush()
    const { entries } = ledger.list({ limit: 10 })
    expect(entries).toMatchObject([
      { kind: 'push', host: 'localhost', purpose: 'run-ended', device: 'phone' },
    ])
    expect(entries[0]?.sent).toBeGreaterThan(arrivals[0]!.body.length)
  })

  it('sends nothing that cannot be recorded', async () => {
    await subscribe(browser('phone').subscription)
    database.exec('DROP TABLE egress')
    await push.runEnded(runOf())
    expect(arrivals).toEqual([])
  })

  it('does nothing while it is switched off', async () => {
    const { subscription } = browser('phone')
    enabled = false
    await expect(subscribe(subscription)).rejects.toMatchObject({ code: 'push_off' })
    expect(records.list()).toEqual([])
    enabled = true
    await subscribe(subscription)
    enabled = false
    await push.runEnded(runOf())
    expect(arrivals).toEqual([])
    expect(ledger.list({ limit: 1 }).total).toBe(0)
  })

  it('tells only who may know, and only of long tasks', async () => {
    const owner = browser('owner')
    const guest = browser('guest')
    const gone = browser('gone')
    await subscribe(owner.subscription, 'phone')
    await subscribe(guest.subscription, 'guest')
    await subscribe(gone.subscription, 'revoked')
    expect(await paths({ kind: 'chat', space: '' })).toEqual(['owner'])
    expect(await paths({ kind: 'chat', space: 'guest' })).toEqual(['guest'])
    expect(await paths({ kind: 'ingest', space: 'member' })).toEqual(['owner'])
    expect(await paths({ outcome: 'failed' })).toEqual(['owner'])
    expect(await paths({ outcome: 'cancelled' })).toEqual([])
    expect(await paths({ endedAt: 1000 + longRunMs - 1 })).toEqual([])
    // The device that is not paired any more was forgotten.
    expect(records.list().map(({ deviceId }) => deviceId)).toEqual(['phone', 'guest'])
  })

  it('tells the owners that leave is asked for, where nobody gives it soon', async () => {
    const phone = browser('phone')
    await subscribe(phone.subscription)
    await subscribe(browser('guest').subscription, 'guest')
    const [waits, answered, over] = [newId(), newId(), newId()]
    const runId = newId()
    push.approvalWaits(runId, waits)
    push.approvalWaits(runId, waits)
    push.approvalWaits(newId(), answered)
    push.approvalOver(answered)
    const stopped = runOf({ kind: 'agent', outcome: 'cancelled' })
    push.approvalWaits(stopped.id, over)
    await push.runEnded(stopped)
    await expect.poll(() => arrivals.length).toBeGreaterThan(0)
    await new Promise((resolve) => setTimeout(resolve, 150))
    expect(arrivals.map(({ path }) => path)).toEqual(['/send/phone'])
    const payload = phone.decrypt(arrivals[0]!.body)
    expect(v.parse(pushPayloadSchema, payload)).toEqual(payload)
    expect(payload).toEqual({ type: 'approval-waits', runId, approvalId: waits, language: 'zh' })
    gate.flush()
    expect(ledger.list({ limit: 10 }).entries).toMatchObject([{ purpose: 'approval-waits' }])
  })

  it('asks nobody while it is switched off', async () => {
    await subscribe(browser('phone').subscription)
    push.approvalWaits(newId(), newId())
    enabled = false
    push.approvalWaits(newId(), newId())
    await new Promise((resolve) => setTimeout(resolve, 150))
    expect(arrivals).toEqual([])
  })

  it('forgets what the browser withdrew, and what is unsubscribed by its own device', async () => {
    const phone = browser('phone')
    await subscribe(phone.subscription)
    push.unsubscribe(phone.subscription.endpoint, 'guest')
    expect(records.list()).toHaveLength(1)
    answer = 500
    await push.runEnded(runOf())
    expect(records.list()).toHaveLength(1)
    answer = 410
    await push.runEnded(runOf())
    expect(records.list()).toEqual([])
    await subscribe(phone.subscription)
    push.unsubscribe(phone.subscription.endpoint, 'phone')
    expect(records.list()).toEqual([])
    for (let i = 0; i < 15; i++) await subscribe(browser(`p${i}`).subscription)
    expect(records.list()).toHaveLength(10)
  })

  it('keeps its key in the home, for its owner only', () => {
    const path = join(home, 'push-key')
    const keys = pushKeys(secrets.text(path))
    expect(statSync(path).mode & 0o777).toBe(0o600)
    expect(pushKeys(secrets.text(path))).toEqual(keys)
    expect(readFileSync(path, 'utf8')).toContain(keys.privateKey)
  })

  it('cannot be steered into the house', async () => {
    const { subscription } = browser('phone')
    const allowed = ['https://fcm.googleapis.com/fcm/send/x', 'https://web.push.apple.com/x']
    for (const url of allowed) expect(isPushService(new URL(url)), url).toBe(true)
    const refused = [
      'http://fcm.googleapis.com/x',
      'https://127.0.0.1/x',
      'https://192.168.1.1/x',
      'https://[::1]/x',
      'https://2130706433/x',
      'https://localhost/x',
      'https://router.local/x',
      'https://nas.home.arpa/x',
      'https://intranet/x',
      'https://fcm.googleapis.com:8443/x',
      'https://user:pass@fcm.googleapis.com/x',
    ]
    for (const url of refused) expect(isPushService(new URL(url)), url).toBe(false)
    await expect(subscribe({ ...subscription, endpoint: 'https://elsewhere.example/x' })).rejects.toMatchObject({ code: 'bad_request' }) // prettier-ignore
    const p256dh = Buffer.alloc(65, 4).toString('base64url')
    await expect(
      subscribe({ ...subscription, keys: { ...subscription.keys, p256dh } }),
    ).rejects.toMatchObject({ code: 'bad_request', field: 'subscription.keys.p256dh' })
  })
})
