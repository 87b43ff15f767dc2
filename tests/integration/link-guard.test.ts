import { privateKeyFromRaw, type generateKeyPair } from '@libp2p/crypto/keys'
import { createPrivateKey } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { newId } from '#shared/domain/ids.ts'
import { encodeJson, frameType } from '#shared/fetch-stream/frames.ts'
import { fetchProtocol, pairProtocol } from '#shared/protocol/pairing.ts'
import { makeHome, removeHome, startCompanionProcess } from '#tests/e2e/companion.ts'
import type { Loose } from './gateway-harness.ts'
import { LinkDevice } from './link-device.ts'
import { startLinkHarness, type LinkHarness } from './link-harness.ts'

const never = new AbortController().signal
const closers: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

async function harness(...args: Parameters<typeof startLinkHarness>): Promise<LinkHarness> {
  const started = await startLinkHarness(...args)
  closers.push(() => started.close())
  return started
}

async function device(...args: Parameters<typeof LinkDevice.create>): Promise<LinkDevice> {
  const created = await LinkDevice.create(...args)
  closers.push(() => created.close())
  return created
}

async function paired(started: LinkHarness, role = 'owner'): Promise<LinkDevice> {
  const phone = await device()
  const { link } = await started.invite(role)
  expect(await phone.pair(link)).toMatchObject({ type: 'paired' })
  return phone
}

const idOf = (addresses: string[]) => addresses[0]!.split('/p2p/')[1]!
const tcpOf = (addresses: string[]) => addresses.find((each) => /\/tcp\/\d+\/p2p/.test(each))!
const get = (path: string) => ({ method: 'GET', path })

describe('a device that is not paired', () => {
  it.each(['websocket', 'webrtc', 'tcp'] as const)(
    'gets nothing but pairing over %s',
    async (road) => {
      const started = await harness()
      await started.invite()
      const stranger = await device()
      const transport = await stranger.transport(await started.addresses(), road)
      for (const path of ['/api/status', '/api/link', '/', '/healthz', '/v1/models'])
        await expect(transport.request(get(path), never)).rejects.toMatchObject({
          code: 'device_not_paired',
        })
      const connection = await stranger.dial(await started.addresses(), road)
      for (const protocol of ['/ipfs/ping/1.0.0', '/silo/sync/1', '/silo/fetch/2'])
        await expect(stranger.stream(connection, protocol)).rejects.toThrow()
    },
  )

  it('is shown the door when it stays without pairing', async () => {
    const started = await harness({ overrides: { link: { strangerMs: 100 } } })
    await started.invite()
    const connection = await (await device()).dial(await started.addresses())
    await vi.waitFor(() => expect(connection.status).not.toBe('open'), { timeout: 5000 })
  })

  it('cannot come in crowds', async () => {
    const started = await harness()
    await started.invite()
    const addresses = await started.addresses()
    const strangers = await Promise.all(Array.from({ length: 5 }, () => device()))
    const dialled = await Promise.allSettled(
      strangers.flatMap((stranger) => Array.from({ length: 8 }, () => stranger.dial(addresses))),
    )
    await vi.waitFor(() => {
      const open = dialled.filter((each) => each.status === 'fulfilled' && each.value.status === 'open') // prettier-ignore
      expect(open.length).toBeLessThanOrEqual(16)
    })
  })

  it('cannot pretend to be the companion itself', async () => {
    const started = await harness()
    const phone = await paired(started)
    const pem = readFileSync(join(started.home, 'device-key'), 'utf8')
    const { d, x } = createPrivateKey(pem).export({ format: 'jwk' })
    const raw = Buffer.concat([Buffer.from(d!, 'base64url'), Buffer.from(x!, 'base64url')])
    const copy = await device(privateKeyFromRaw(raw) as Awaited<ReturnType<typeof generateKeyPair>>)
    const addresses = await started.addresses()
    const refused = (async () => {
      const transport = await copy.transport(addresses, 'tcp')
      await transport.request(get('/api/status'), AbortSignal.timeout(3000))
    })()
    await expect(refused).rejects.toThrow()
    const transport = await phone.transport(addresses)
    expect((await transport.request(get('/api/link'), never)).status).toBe(200)
  })
})

describe('a device that is removed', () => {
  it('is shut out at once, in the middle of what it does', async () => {
    const started = await harness()
    const phone = await paired(started)
    const addresses = await started.addresses()
    const transport = await phone.transport(addresses, 'webrtc')
    const events = await transport.request(get('/api/events'), never)
    const reader = events.body!.getReader()
    await reader.read()
    expect((await started.api(`/api/devices/${phone.id}`, { method: 'DELETE' })).status).toBe(204)
    await expect(
      (async () => {
        for (;;) if ((await reader.read()).done) throw new Error('ended')
      })(),
    ).rejects.toThrow()
    await transport.closed
    const again = await phone.transport(addresses)
    await expect(again.request(get('/api/link'), never)).rejects.toMatchObject({
      code: 'device_not_paired',
    })
    expect((await started.api(`/api/devices/${phone.id}`, { method: 'DELETE' })).status).toBe(404)
  })

  it('loses what a role no longer allows at once', async () => {
    const started = await harness()
    const phone = await paired(started)
    const transport = await phone.transport(await started.addresses())
    expect((await transport.request(get('/api/folders'), never)).status).toBe(200)
    const change = { method: 'PATCH', body: { role: 'guest', name: 'Visitor' } }
    expect((await started.api(`/api/devices/${phone.id}`, change)).body.device).toMatchObject({
      role: 'guest',
      name: 'Visitor',
    })
    await transport.closed
    const again = await phone.transport(await started.addresses())
    expect((await again.request(get('/api/folders'), never)).status).toBe(403)
    expect((await again.request(get('/api/link'), never)).status).toBe(200)
  })

  it('cannot remove or lower itself', async () => {
    const started = await harness()
    const phone = await paired(started)
    const transport = await phone.transport(await started.addresses())
    const path = `/api/devices/${phone.id}`
    expect((await transport.request({ method: 'DELETE', path }, never)).status).toBe(409)
    const lower = { method: 'PATCH', path, body: '{"role":"guest"}', headers: { 'content-type': 'application/json' } } // prettier-ignore
    expect((await transport.request(lower, never)).status).toBe(409)
  })
})

describe('bad input on a stream', () => {
  it('breaks that stream and nothing else', async () => {
    const started = await harness()
    const phone = await paired(started)
    const addresses = await started.addresses()
    const connection = await phone.dial(addresses)
    const garbage = [
      new Uint8Array([255, 255, 255, 255, 255, 255]),
      encodeJson(frameType.head, { method: 'GET', path: '/', headers: [], body: false }).slice(
        0,
        7,
      ),
      encodeJson(frameType.head, { method: 'TRACE', path: '/', headers: [], body: false }),
      encodeJson(frameType.head, { method: 'GET', path: '//evil/..', headers: 'x', body: 1 }),
      new TextEncoder().encode('GET / HTTP/1.1\r\n\r\n'),
    ]
    for (const protocol of [fetchProtocol, pairProtocol])
      for (const bytes of garbage) {
        const stream = await phone.stream(connection, protocol)
        await stream.send(bytes)
        await stream.closeWrite()
        const answered = (async () => {
          for await (const chunk of stream) void chunk
        })()
        await answered.catch(() => {})
      }
    const transport = await phone.transport(addresses)
    expect((await transport.request(get('/api/link'), never)).status).toBe(200)
  })

  it('bears a thousand requests at once, and refuses what is too many with a word', async () => {
    const started = await harness()
    const phone = await paired(started)
    const transport = await phone.transport(await started.addresses())
    const results = await Promise.allSettled(
      Array.from({ length: 1000 }, async () => {
        const answer = await transport.request(get('/api/link'), AbortSignal.timeout(50_000))
        await answer.arrayBuffer()
        return answer.status
      }),
    )
    const fine = results.filter((each) => each.status === 'fulfilled' && each.value === 200)
    const refused = results.filter(
      (each) => each.status === 'rejected' && each.reason?.code === 'too_many_requests',
    )
    expect(fine.length).toBeGreaterThanOrEqual(100)
    expect(fine.length + refused.length).toBe(1000)
    expect((await transport.request(get('/api/link'), never)).status).toBe(200)
  })

  it('takes a body larger than the limit no further than the limit', async () => {
    const started = await harness()
    const phone = await paired(started)
    const transport = await phone.transport(await started.addresses())
    let sent = 0
    const body = new ReadableStream<Uint8Array>(
      {
        pull(controller) {
          sent += 65_536
          if (sent > 10 * 1024 ** 3) return controller.close()
          controller.enqueue(new Uint8Array(65_536))
        },
      },
      { highWaterMark: 0 },
    )
    const answer = await transport.request({ method: 'POST', path: '/api/conversations', body }, never) // prettier-ignore
    expect(answer.status).toBe(413)
    expect((await answer.json()).error.code).toBe('body_too_large')
    expect(sent).toBeLessThan(16 * 1024 * 1024)
  })
})

/** A request of the owner to a companion in a process of its own. */
async function ask(url: string, path: string, body?: object): Promise<Loose> {
  const token = new URL(url).searchParams.get('token')
  const response = await fetch(new URL(path, url), {
    method: body ? 'POST' : 'GET',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    ...(body ? { body: JSON.stringify(body) } : {}),
  })
  return response.json()
}

describe('a companion that comes back', () => {
  it('is at its old address, as itself, and knows its devices', async () => {
    // As a process of its own: what a test holds of UDP ends with its process only.
    const env = { SILO_LINK_PORT: '0', SILO_LOG_LEVEL: 'error' }
    const home = makeHome([])
    closers.push(async () => removeHome(home))
    const phone = await device()
    const first = await startCompanionProcess(home, env)
    const { link } = await ask(first.urlWithToken, '/api/pairings', { id: newId() })
    expect(await phone.pair(link)).toMatchObject({ type: 'paired' })
    const before = (await ask(first.urlWithToken, '/api/link')).companion.addresses
    await first.stop('SIGKILL')
    const second = await startCompanionProcess(home, env)
    closers.push(() => second.stop())
    // Nobody asked for an invitation: the link is on because a device is paired.
    await vi.waitFor(
      async () => expect((await ask(second.urlWithToken, '/api/link')).state).toBe('on'),
      { timeout: 10_000 },
    )
    expect((await ask(second.urlWithToken, '/api/link')).companion.addresses).toEqual(before)
    for (const road of ['webrtc', 'websocket'] as const) {
      const transport = await phone.transport(before, road)
      expect((await transport.request(get('/api/link'), never)).status).toBe(200)
    }
  })

  it('takes another port when its own is taken', async () => {
    const first = await harness()
    await first.invite()
    const taken = Number(/udp\/(\d+)/.exec((await first.addresses()).join())?.[1])
    const second = await harness({ linkPort: taken })
    const { link } = await second.invite()
    const phone = await device()
    expect(await phone.pair(link)).toMatchObject({ type: 'paired' })
    expect((await second.addresses()).join()).not.toContain(`/udp/${taken}/`)
  })

  it('sends the events of a run again from where the device was cut off', async () => {
    const started = await harness()
    const phone = await paired(started)
    const conversationId = newId()
    await started.api('/api/conversations', { method: 'POST', body: { id: conversationId } })
    const addresses = await started.addresses()
    const first = await phone.transport(addresses, 'webrtc')
    const runId = newId()
    const userId = newId()
    const body = JSON.stringify({
      kind: 'chat',
      id: runId,
      conversationId,
      userMessage: { id: userId, parentId: null, text: 'hello' },
      parentId: userId,
      assistantMessageId: newId(),
    })
    const headers = { 'content-type': 'application/json' }
    const start = { method: 'POST', path: '/api/runs', body, headers }
    expect((await first.request(start, never)).status).toBe(202)
    await first[Symbol.asyncDispose]()
    const second = await phone.transport(addresses, 'websocket')
    // The same request again is the same run.
    expect((await second.request(start, never)).status).toBe(202)
    await vi.waitFor(async () => {
      const answer = await second.request(get(`/api/runs/${runId}/events`), never)
      const { run, events } = await answer.json()
      expect(run.outcome).toBeDefined()
      expect(events.map(({ seq }: { seq: number }) => seq)).toEqual(events.map((_: unknown, index: number) => index)) // prettier-ignore
    })
  })
})

describe('companions', () => {
  it('see one another by mDNS and by a pinned address', async () => {
    const link = { mdns: true, hosts: () => ['127.0.0.1'] }
    const [first, second] = [await harness({ overrides: { link } }), await harness({ overrides: { link } })] // prettier-ignore
    await first.invite()
    await second.invite()
    const [own, other] = [await first.addresses(), await second.addresses()]
    const pin = await first.api('/api/peers', { method: 'POST', body: { address: tcpOf(other) } })
    expect(pin.body.peer).toMatchObject({ id: idOf(other), pinned: true, paired: false, name: '' })
    await vi.waitFor(
      async () => {
        const { peers } = (await second.api('/api/peers')).body
        expect(peers).toContainEqual(expect.objectContaining({ id: idOf(own), pinned: false }))
      },
      { timeout: 20_000, interval: 300 },
    )
    expect((await first.api(`/api/peers/${idOf(other)}`, { method: 'DELETE' })).status).toBe(204)

    const self = await first.api('/api/peers', { method: 'POST', body: { address: tcpOf(own) } })
    expect(self.body.error.code).toBe('peer_unreachable')
    const nobody = { method: 'POST', body: { address: '/ip4/127.0.0.1/tcp/9/ws' } }
    expect((await first.api('/api/peers', nobody)).status).toBe(502)
  })
})
