import { identify } from '@libp2p/identify'
import { noise } from '@libp2p/noise'
import { webSockets } from '@libp2p/websockets'
import { yamux } from '@libp2p/yamux'
import { multiaddr } from '@multiformats/multiaddr'
import { createLibp2p } from 'libp2p'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { freeLinkPort } from '#companion/link/ports.ts'
import { fetchProtocol, pairProtocol } from '#shared/protocol/pairing.ts'
import { LinkDevice } from './link-device.ts'
import { startLinkHarness, type LinkHarness } from './link-harness.ts'

const never = new AbortController().signal
const get = (path: string) => ({ method: 'GET', path })
const tcpOf = (all: readonly string[]) => all.find((each) => /\/tcp\/\d+\/p2p/.test(each))!
const idOf = (addresses: readonly string[]) => addresses[0]!.split('/p2p/')[1]!

let harness: LinkHarness
let devices: LinkDevice[] = []
beforeEach(async () => {
  harness = await startLinkHarness()
})
afterEach(async () => {
  for (const device of devices.splice(0)) await device.close()
  await harness.close()
})

async function device(): Promise<LinkDevice> {
  const made = await LinkDevice.create()
  devices.push(made)
  return made
}

async function paired(role = 'owner'): Promise<LinkDevice> {
  const made = await device()
  expect(await made.pair((await harness.invite(role)).link)).toMatchObject({ type: 'paired' })
  return made
}

describe('strangers', () => {
  it('learn from identify nothing but where the companion is', async () => {
    await harness.invite()
    const address = (await harness.addresses()).find((each) => each.includes('/ws'))!
    const node = await createLibp2p({
      transports: [webSockets()],
      connectionEncrypters: [noise()],
      streamMuxers: [yamux()],
      services: { identify: identify() },
      connectionGater: { denyDialMultiaddr: () => false },
    })
    const told = Promise.withResolvers<{ agentVersion?: string; listenAddrs: readonly unknown[]; protocols: readonly string[] }>() // prettier-ignore
    node.addEventListener('peer:identify', ({ detail }) => told.resolve(detail))
    await node.dial(multiaddr(address))
    const { agentVersion, listenAddrs, protocols } = await told.promise
    expect(agentVersion).toBe('silo')
    // This machine has more addresses than the harness lets out.
    const hosts = listenAddrs.map((each) => String(each).split('/')[2])
    expect([...new Set(hosts)]).toEqual(['127.0.0.1'])
    const own = protocols.filter((each) => each.startsWith('/silo/'))
    expect(own.toSorted()).toEqual(['/silo/bep/1', fetchProtocol, pairProtocol])
    await node.stop()
  })

  it.each(['tcp', 'webrtc'] as const)('cannot pile up what nobody reads, over %s', async (road) => {
    await harness.invite()
    const stranger = await device()
    const connection = await stranger.dial(await harness.addresses(), road)
    const closed = new Promise((resolve) => connection.addEventListener('close', resolve))
    const before = process.memoryUsage().rss
    const flood = async (): Promise<void> => {
      const stream = await stranger.stream(connection, fetchProtocol)
      for (let sent = 0; sent < 64; sent++) await stream.send(new Uint8Array(256 * 1024))
    }
    await Promise.allSettled(Array.from({ length: 60 }, flood))
    await closed
    // 60 × 16 MiB were meant to go.
    expect(process.memoryUsage().rss - before).toBeLessThan(400 * 1024 * 1024)
    expect(await stranger.pair((await harness.invite()).link)).toMatchObject({ type: 'paired' })
  })
})

describe('what a device is allowed', () => {
  it('is not what it claims', async () => {
    const guest = await paired('guest')
    const transport = await guest.transport(await harness.addresses())
    const { token } = harness.companion
    const headers = { authorization: `Bearer ${token}`, cookie: `silo_1=${token}`, 'x-caller': 'owner', host: 'localhost', origin: 'http://evil' } // prettier-ignore
    const response = await transport.request({ ...get('/api/keys'), headers }, never)
    expect(response.status).toBe(403)
    expect((await transport.request({ ...get('/api/link'), headers }, never)).status).toBe(200)
  })

  it('changes with a new pairing: what it had open ends', async () => {
    const phone = await paired('owner')
    const transport = await phone.transport(await harness.addresses())
    const events = await transport.request(get('/api/events'), never)
    const rest = events.text()
    rest.catch(() => {})
    expect(await phone.pair((await harness.invite('guest')).link)).toMatchObject({ type: 'paired' })
    await expect(rest).rejects.toThrow()
    await transport.closed
    const again = await phone.transport(await harness.addresses())
    expect((await again.request(get('/api/devices'), never)).status).toBe(403)
  })

  it('does not change with a new pairing as the same: what it has open goes on', async () => {
    const phone = await paired('member')
    const transport = await phone.transport(await harness.addresses(), 'webrtc')
    await phone.pair((await harness.invite('member')).link, { name: 'Anew' })
    const info = await (await transport.request(get('/api/link'), never)).json()
    expect(info.self).toMatchObject({ name: 'Anew', role: 'member', connected: true })
  })

  it('is to stay while it asks for something; one that went without a word is let go', async () => {
    await harness.close()
    harness = await startLinkHarness({ overrides: { link: { strangerMs: 100, idleMs: 300 } } })
    const phone = await paired()
    const [reading, silent] = [
      await phone.transport(await harness.addresses()),
      await phone.transport(await harness.addresses()),
    ]
    const reader = (await reading.request(get('/api/events'), never)).body!.getReader()
    await reader.read()
    await silent.closed
    expect((await reading.request(get('/api/link'), never)).status).toBe(200)
    await reader.cancel()
    await reading.closed
  })

  it('is told to the owners’ pages when somebody comes', async () => {
    const owner = await paired()
    const transport = await owner.transport(await harness.addresses(), 'tcp')
    const reader = (await transport.request(get('/api/events'), never)).body!.getReader()
    const phone = await paired('member')
    let heard = ''
    while (!heard.includes(`"topic":"devices","id":"${phone.id}"`))
      heard += Buffer.from((await reader.read()).value!).toString()
    await reader.cancel()
  })
})

describe('a companion that moved', () => {
  it('is seen at its new address, again and again', async () => {
    const link = { mdns: true, hosts: () => ['127.0.0.1'] }
    const watcher = await startLinkHarness({ overrides: { link } })
    await watcher.invite()
    let mover = await startLinkHarness({ overrides: { link } })
    // A paired device makes the link come on with the companion.
    const phone = await device()
    await phone.pair((await mover.invite()).link)
    const before = await mover.addresses()
    const id = idOf(before)
    const seen = async (): Promise<{ addresses: string[]; seenAt: number } | undefined> =>
      (await watcher.api('/api/peers')).body.peers.find((peer: { id: string }) => peer.id === id)
    const wait = { timeout: 25_000, interval: 200 }
    const first = await vi.waitFor(async () => {
      const peer = await seen()
      expect(peer?.addresses).toContain(tcpOf(before))
      return peer!
    }, wait)
    await vi.waitFor(async () => expect((await seen())!.seenAt).toBeGreaterThan(first.seenAt), wait)

    await mover.close(true)
    mover = await startLinkHarness({ home: mover.home, overrides: { link }, linkPort: await otherPort(before) }) // prettier-ignore
    await vi.waitFor(async () => expect((await mover.api('/api/link')).body.state).toBe('on'), wait)
    const after = await mover.addresses()
    expect(tcpOf(after)).not.toBe(tcpOf(before))
    await vi.waitFor(async () => expect((await seen())?.addresses).toContain(tcpOf(after)), wait)
    await mover.close()
    await watcher.close()
  })
})

async function otherPort(addresses: readonly string[]): Promise<number> {
  const used = Number(/\/udp\/(\d+)/.exec(addresses.join(' '))?.[1])
  for (;;) {
    const port = (await freeLinkPort([]))!
    if (port !== used) return port
  }
}
