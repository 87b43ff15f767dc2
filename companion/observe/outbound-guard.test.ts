import { createSocket } from 'node:dgram'
import dns from 'node:dns'
import { once } from 'node:events'
import { createServer, get, type Server } from 'node:http'
import net, { type AddressInfo } from 'node:net'
import tls from 'node:tls'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { openDatabase } from '#companion/records/database.ts'
import { SiloError } from '#shared/errors/silo-error.ts'
import { EgressGate } from './egress-gate.ts'
import { EgressLedger } from './egress.ts'
import { isPublic, placeOf } from './house.ts'
import { silentLog } from './log.ts'
import { announcing, ofRun } from './outbound.ts'

/** Nobody's address: were a packet sent there, the try would end by time and not with a refusal. */
const outside = '203.0.113.7'
let server: Server
let url: string
let database: ReturnType<typeof openDatabase>
let ledger: EgressLedger
let gate: EgressGate
let webOn: boolean

beforeAll(async () => {
  server = createServer((_request, response) => response.end('hello'))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
})
afterAll(() => void server.close())
beforeEach(() => {
  database = openDatabase(':memory:')
  ledger = new EgressLedger(database)
  webOn = false
  gate = new EgressGate({
    ledger,
    requireWeb: () => {
      if (!webOn) throw new SiloError('switch_off', { params: { name: 'web' } })
    },
    log: silentLog,
  })
})
afterEach(() => {
  gate[Symbol.dispose]()
  database.close()
})

const refusal = { code: 'egress_refused' }
const failure = async (socket: net.Socket): Promise<unknown> => (await once(socket, 'error'))[0]
const page = { kind: 'fetch', host: '127.0.0.1', purpose: 'web_fetch' } as const

/** A page at a name that leads into the house, as a resolver under somebody else's control would answer. */
const reach = (host: string) =>
  gate.announce({ kind: 'fetch', host, purpose: 'x', publicOnly: true }, () => {
    const port = Number(new URL(url).port)
    return net.connect({
      host,
      port,
      lookup: (_name, options, callback) =>
        options.all
          ? callback(null, [{ address: '127.0.0.1', family: 4 }])
          : callback(null, '127.0.0.1', 4),
    })
  })

describe('the way out of a process', () => {
  it.each([
    ['fetch', () => fetch(`http://${outside}/`)],
    ['fetch by a name', () => fetch('https://example.com/')],
    ['a socket', () => Promise.reject(failure(net.connect(80, outside)))],
    ['a socket by options', () => Promise.reject(failure(net.connect({ host: outside, port: 80 })))], // prettier-ignore
    ['a socket of its own', () => Promise.reject(failure(new net.Socket().connect(80, outside)))], // prettier-ignore
    ['TLS', () => Promise.reject(failure(tls.connect({ host: outside, port: 443 })))],
    ['http', () => Promise.reject(failure(get(`http://${outside}/`) as never))],
    ['a question for a name', () => dns.promises.lookup('example.com')],
    ['a question to a resolver', () => new dns.promises.Resolver().resolveTxt('example.com')],
    ['a question by callback', () => new Promise((_, reject) => dns.lookup('example.com', reject))],
    ['IPv6', () => Promise.reject(failure(net.connect(80, '2606:4700::1111')))],
    ['IPv4 within IPv6', () => Promise.reject(failure(net.connect(80, '::ffff:cb00:7107')))],
  ])('refuses what was not announced: %s', async (_name, attempt) => {
    const error: unknown = await attempt().then(
      () => undefined,
      (cause: unknown) => cause,
    )
    expect(await error).toMatchObject(refusal)
    expect(ledger.list({ limit: 10 }).total).toBe(0)
    expect(ledger.list({ limit: 10, refused: true }).total).toBeGreaterThan(0)
  })

  it('refuses datagrams outside, and sums those of the house', async () => {
    const socket = createSocket('udp4').bind(0)
    await once(socket, 'listening')
    const sent = await new Promise((resolve) => socket.send('hello', 53, outside, resolve))
    expect(sent).toMatchObject(refusal)
    await announcing({ kind: 'peer', host: outside, purpose: 'sync' }, async () => {
      expect(await new Promise((resolve) => socket.send('hello', 53, outside, resolve))).toMatchObject(refusal) // prettier-ignore
    })
    socket.send(Buffer.from('hello'), 0, 3, 5353, '224.0.0.251', () => {})
    socket.send('hello', 5353, '224.0.0.251', () => {})
    gate.flush()
    expect(ledger.sums().house).toMatchObject([{ host: '224.0.0.251', connections: 0, sent: 8 }])
    socket.close()
  })

  it('lets this computer talk to itself without a line', async () => {
    expect(await (await fetch(url)).text()).toBe('hello')
    await (await fetch(url.replace('127.0.0.1', 'localhost'))).text()
    gate.flush()
    expect(ledger.list({ limit: 10 }).total).toBe(0)
    expect(ledger.sums()).toEqual({ outside: [], house: [], refused: 0 })
  })

  it('writes one line for an announcement, its run, and the bytes of every connection', async () => {
    await ofRun('run-00001', () =>
      gate.announce({ kind: 'download', host: '127.0.0.1', purpose: 'x.gguf' }, async () => {
        for (let at = 0; at < 3; at++) await (await fetch(url)).text()
      }),
    )
    gate.flush()
    const { entries } = ledger.list({ limit: 10 })
    expect(entries).toMatchObject([
      { kind: 'download', host: '127.0.0.1', purpose: 'x.gguf', runId: 'run-00001' },
    ])
    expect(entries[0]!.sent).toBeGreaterThan(3 * 50)
    expect(entries[0]!.received).toBeGreaterThan(3 * 'hello'.length)
  })

  it('does not let one announcement speak for another host', async () => {
    const tried = announcing({ kind: 'push', host: 'example.org', purpose: 'x' }, () =>
      fetch('https://example.com/'),
    )
    await expect(tried).rejects.toMatchObject(refusal)
  })

  it('asks the switch at every connection for the web, and ends those that are open when it goes off', async () => {
    const open = () =>
      gate.announce(page, () => net.connect(Number(new URL(url).port), '127.0.0.1'))
    expect(await failure(open())).toMatchObject({ code: 'switch_off' })
    webOn = true
    const socket = open()
    await once(socket, 'connect')
    gate.flush()
    expect(socket.destroyed).toBe(false)
    webOn = false
    const ended = failure(socket)
    gate.flush()
    expect(await ended).toMatchObject({ code: 'switch_off' })
  })

  it('connects nowhere where the line cannot be written', async () => {
    webOn = true
    database.exec('DROP TABLE egress')
    const sockets = new Promise((resolve) => server.once('connection', () => resolve('came')))
    const tried = gate.announce(page, () => net.connect(Number(new URL(url).port), '127.0.0.1'))
    expect(await failure(tried)).toMatchObject({ message: expect.stringContaining('egress') })
    await expect(Promise.race([sockets, Promise.resolve('nobody')])).resolves.toBe('nobody')
  })

  it('takes only public addresses where that is asked, whatever the name says', async () => {
    webOn = true
    expect(await failure(reach('rebound.example'))).toMatchObject(refusal)
    expect(await failure(reach('127.0.0.1'))).toMatchObject(refusal)
    expect(await failure(reach('192.168.1.1'))).toMatchObject(refusal)
    expect(await failure(reach('localhost'))).toMatchObject(refusal)
  })
})

describe('places of addresses', () => {
  it.each([
    ['127.0.0.1', 'self'],
    ['127.8.9.1', 'self'],
    ['::1', 'self'],
    ['0.0.0.0', 'self'],
    ['::ffff:127.0.0.1', 'self'],
    ['::ffff:7f00:1', 'self'],
    ['192.168.1.4', 'house'],
    ['10.1.2.3', 'house'],
    ['172.31.0.1', 'house'],
    ['169.254.169.254', 'house'],
    ['100.64.1.1', 'house'],
    ['fd00::1', 'house'],
    ['fe80::1%eth0', 'house'],
    ['ff02::fb', 'house'],
    ['224.0.0.251', 'house'],
    ['8.8.8.8', 'outside'],
    ['172.32.0.1', 'outside'],
    ['2606:4700::1111', 'outside'],
    ['example.com', 'outside'],
  ] as const)('%s is %s', (address, place) => expect(placeOf(address)).toBe(place))

  it.each(['127.0.0.1', '10.0.0.1', '169.254.169.254', '0.0.0.0', '0.1.2.3', '198.18.0.1', '203.0.113.1', '240.0.0.1', '224.1.1.1', '::', '::1', '::ffff:10.0.0.1', '::127.0.0.1', '64:ff9b::7f00:1', '2002:7f00:1::', 'fe80::1', 'fd00::1', 'ff0e::1', '2001:db8::1', 'example.com'])('%s is no public address', (address) => expect(isPublic(address)).toBe(false)) // prettier-ignore
  it.each(['8.8.8.8', '1.1.1.1', '2606:4700::1111'])('%s is a public address', (address) =>
    expect(isPublic(address)).toBe(true),
  )
})
