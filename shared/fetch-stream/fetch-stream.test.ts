import { describe, expect, it, vi } from 'vitest'
import type { TransportRequest } from '#shared/contracts/transport.ts'
import { SiloError } from '#shared/errors/silo-error.ts'
import { streamPair, type FakeStream } from '#tests/fakes/byte-stream.ts'
import { fetchOverStream } from './fetch-over-stream.ts'
import { windowBytes } from './frame-channel.ts'
import { encodeAck, encodeFrame, encodeJson, frameType, readFrames } from './frames.ts'
import { serveFetchStream } from './serve-fetch-stream.ts'

type Handle = (request: Request) => Promise<Response>
const never = new AbortController().signal
const fine: Handle = async () => new Response('fine')
const headOf = (path: string) => encodeJson(frameType.head, { path })

function exchange(
  handle: Handle,
  request: Partial<TransportRequest>,
  signal = never,
  cut: number[] = [],
) {
  // prettier-ignore
  const [client, server] = streamPair(cut)
  const served = serveFetchStream(server, handle, { headMs: 1000, closeMs: 1000 }).then(
    () => 'served' as const,
    (error: unknown) => error,
  )
  const response = fetchOverStream(async () => client, { method: 'GET', path: '/', ...request }, signal) // prettier-ignore
  return { response, served, client, server }
}

const bytes = (length: number, seed = 1): Uint8Array =>
  Uint8Array.from({ length }, (_, index) => (index * 31 + seed) & 255)

function streamOf(total: number, piece: number, onPull: (sent: number) => void = () => {}) {
  let sent = 0
  return new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        if (sent >= total) return controller.close()
        controller.enqueue(bytes(Math.min(piece, total - sent), sent))
        sent += piece
        onPull(sent)
      },
    },
    { highWaterMark: 0 },
  )
}

describe('a request over a stream', () => {
  it.each([[[]], [[1]], [[3, 7, 50_000]]])('crosses whole, cut as %j', async (cut) => {
    const seen = vi.fn()
    const { response, served } = exchange(
      async (request) => {
        const { pathname, search } = new URL(request.url)
        seen(request.method, pathname + search, request.headers.get('x-a'), request.headers.get('host')) // prettier-ignore
        return new Response(`got ${await request.text()}`, {
          status: 201,
          headers: { 'x-b': '2', 'set-cookie': 'a=b' },
        })
      },
      {
        method: 'POST',
        path: '/api/x?q=1&r=%E4%B8%AD',
        headers: { 'X-A': '1', Host: 'evil', Authorization: 'Bearer stolen' },
        body: '你好',
      },
      never,
      cut,
    )
    const answer = await response
    expect(answer.status).toBe(201)
    expect(answer.headers.get('x-b')).toBe('2')
    expect(answer.headers.get('set-cookie')).toBeNull()
    expect(await answer.text()).toBe('got 你好')
    expect(seen).toHaveBeenCalledWith('POST', '/api/x?q=1&r=%E4%B8%AD', '1', null)
    expect(await served).toBe('served')
  })

  it('carries answers without a body', async () => {
    for (const [method, status] of [
      ['DELETE', 204],
      ['HEAD', 200],
    ] as const) {
      // prettier-ignore
      const { response, served } = exchange(
        async () => new Response(status === 204 ? null : 'hidden', { status }),
        { method },
      )
      const answer = await response
      expect([answer.status, await answer.text()]).toEqual([status, ''])
      expect(await served).toBe('served')
    }
  })

  it('carries large bodies both ways at once', async () => {
    const size = 3 * windowBytes + 12_345
    const { response, served } = exchange(async (request) => new Response(request.body), {
      method: 'POST',
      body: bytes(size),
    })
    const answer = new Uint8Array(await (await response).arrayBuffer())
    expect(answer.length).toBe(size)
    expect(Buffer.compare(answer, bytes(size))).toBe(0)
    expect(await served).toBe('served')
  })

  it('sends no more of an answer than the window while nobody reads it', async () => {
    let sent = 0
    const { response } = exchange(
      async () => new Response(streamOf(8 * windowBytes, 50_000, (now) => (sent = now))),
      {},
    )
    const answer = await response
    const reader = answer.body!.getReader()
    await vi.waitFor(() => expect(sent).toBeGreaterThan(windowBytes / 2))
    await new Promise((resolve) => setTimeout(resolve, 50))
    expect(sent).toBeLessThanOrEqual(windowBytes + 100_000)
    const before = sent
    for (let read = 0; read < windowBytes / 2;) read += (await reader.read()).value!.length
    await vi.waitFor(() => expect(sent).toBeGreaterThan(before))
    await reader.cancel()
  })

  it('sends no more of a request than the window while the handler does not read it', async () => {
    let sent = 0
    const go = Promise.withResolvers<void>()
    const { response } = exchange(
      async (request) => {
        await go.promise
        return new Response(String((await request.arrayBuffer()).byteLength))
      },
      { method: 'POST', body: streamOf(4 * windowBytes, 65_536, (now) => (sent = now)) },
    )
    await vi.waitFor(() => expect(sent).toBeGreaterThan(windowBytes / 2))
    await new Promise((resolve) => setTimeout(resolve, 50))
    expect(sent).toBeLessThanOrEqual(windowBytes + 140_000)
    go.resolve()
    expect(await (await response).text()).toBe(String(4 * windowBytes))
  })

  it('takes an answer that comes before the request was read, and stops sending', async () => {
    let sent = 0
    const cancelled = vi.fn()
    const body = new ReadableStream<Uint8Array>(
      {
        pull(controller) {
          sent += 65_536
          controller.enqueue(bytes(65_536))
        },
        cancel: cancelled,
      },
      { highWaterMark: 0 },
    )
    const { response, served } = exchange(async () => new Response('too large', { status: 413 }), {
      method: 'POST',
      body,
    })
    const answer = await response
    expect([answer.status, await answer.text()]).toEqual([413, 'too large'])
    expect(await served).toBe('served')
    await vi.waitFor(() => expect(cancelled).toHaveBeenCalled())
    expect(sent).toBeLessThan(2 * windowBytes)
  })

  it('tells the handler when the caller gives up, before and during the answer', async () => {
    for (const during of [false, true]) {
      const stop = new AbortController()
      const aborted = Promise.withResolvers<void>()
      const { response } = exchange(
        async (request) => {
          request.signal.addEventListener('abort', () => aborted.resolve())
          if (during) return new Response(new ReadableStream({ start: (c) => c.enqueue(bytes(5)) }))
          return new Promise(() => {})
        },
        {},
        stop.signal,
      )
      if (during) {
        const reader = (await response).body!.getReader()
        await reader.read()
        stop.abort(new Error('enough'))
        await expect(reader.read()).rejects.toThrow('enough')
      } else {
        setTimeout(() => stop.abort(new Error('enough')), 5)
        await expect(response).rejects.toThrow('enough')
      }
      await aborted.promise
    }
  })

  it('tells the handler that the caller is gone where the stream only closed', async () => {
    const [client, server] = streamPair()
    const aborted = Promise.withResolvers<void>()
    const served = serveFetchStream(server, async (request) => {
      request.signal.addEventListener('abort', () => aborted.resolve())
      return new Response(new ReadableStream({ start: (c) => c.enqueue(bytes(5)) }))
    }).catch((error: unknown) => error)
    await client.send(encodeJson(frameType.head, { method: 'GET', path: '/', headers: [], body: false })) // prettier-ignore
    await client.send(encodeFrame(frameType.end))
    await client.closeWrite()
    await aborted.promise
    expect(await served).toMatchObject({ code: 'companion_unreachable' })
  })

  it('ends the handler when the answer is cancelled by its reader', async () => {
    const cancelled = Promise.withResolvers<unknown>()
    const { response } = exchange(
      async () =>
        new Response(
          new ReadableStream({
            start: (controller) => controller.enqueue(bytes(5)),
            cancel: cancelled.resolve,
          }),
        ),
      {},
    )
    const reader = (await response).body!.getReader()
    await reader.read()
    await reader.cancel()
    await cancelled.promise
  })

  it('says why a handler failed, and that an answer broke off', async () => {
    const refused = exchange(async () => {
      throw new SiloError('device_not_paired')
    }, {})
    await expect(refused.response).rejects.toMatchObject({ code: 'device_not_paired' })
    expect(await refused.served).toMatchObject({ code: 'device_not_paired' })

    const hidden = exchange(async () => {
      throw new Error('/home/secret')
    }, {})
    await expect(hidden.response).rejects.toMatchObject({ code: 'internal' })
    expect(JSON.stringify(hidden.server.sent.map((part) => Buffer.from(part).toString()))).not.toContain('secret') // prettier-ignore

    let pulls = 0
    const broken = exchange(
      async () =>
        new Response(
          new ReadableStream({
            pull(controller) {
              if (pulls++ === 0) controller.enqueue(bytes(10))
              else controller.error(new SiloError('engine_crashed'))
            },
          }),
        ),
      {},
    )
    const reader = (await broken.response).body!.getReader()
    await reader.read()
    await expect(reader.read()).rejects.toMatchObject({ code: 'engine_crashed' })
  })

  it('rejects with companion_unreachable when the connection goes', async () => {
    const { response, server } = exchange(() => new Promise(() => {}), {})
    setTimeout(() => server.abort(new Error('gone')), 5)
    await expect(response).rejects.toMatchObject({ code: 'companion_unreachable' })
  })
})

async function outcome(send: (stream: FakeStream) => Promise<void>): Promise<unknown> {
  const [client, server] = streamPair()
  const handled = vi.fn(fine)
  const served = serveFetchStream(server, handled, { headMs: 60, closeMs: 60 }).then(
    () => undefined,
    (error: unknown) => error,
  )
  await send(client).catch(() => {})
  return served
}

describe('a hostile other side', () => {
  const head = { method: 'GET', path: '/', headers: [], body: false }
  const headFrame = (change: object = {}) => encodeJson(frameType.head, { ...head, ...change })

  it.each<[string, (stream: FakeStream) => Promise<void>, string]>([
    ['nothing at all', async () => {}, 'timeout'],
    ['half a frame', async (s) => { await s.send(headFrame().slice(0, 9)); await s.closeWrite() }, 'protocol_violation'], // prettier-ignore
    ['half a frame, and silence', (s) => s.send(headFrame().slice(0, 9)), 'timeout'],
    ['an unknown frame', (s) => s.send(Uint8Array.of(9, 0, 0, 0, 0)), 'protocol_violation'],
    ['a frame of 4 GiB', (s) => s.send(Uint8Array.of(2, 255, 255, 255, 255)), 'protocol_violation'],
    ['a body before a head', (s) => s.send(encodeFrame(frameType.data, bytes(3))), 'protocol_violation'], // prettier-ignore
    ['two heads', async (s) => { await s.send(headFrame()); await s.send(headFrame()) }, 'protocol_violation'], // prettier-ignore
    ['a head that is no JSON', (s) => s.send(encodeFrame(frameType.head, bytes(20))), 'protocol_violation'], // prettier-ignore
    ['a method of its own', (s) => s.send(headFrame({ method: 'CONNECT' })), 'protocol_violation'],
    ['a path to elsewhere', (s) => s.send(headFrame({ path: 'http://evil/' })), 'protocol_violation'], // prettier-ignore
    ['a path with a line break', (s) => s.send(headFrame({ path: '/a\r\nx: y' })), 'protocol_violation'], // prettier-ignore
    ['more acknowledged than sent', async (s) => { await s.send(encodeAck(5)); await s.send(headFrame()) }, 'protocol_violation'], // prettier-ignore
    ['an end before the head', (s) => s.send(encodeFrame(frameType.end)), 'protocol_violation'],
    ['a close in the middle', async (s) => { await s.send(headFrame({ body: true })); await s.closeWrite() }, 'companion_unreachable'], // prettier-ignore
  ])('%s', async (_name, send, code) => {
    expect(await outcome(send)).toMatchObject({ code })
  })

  it('more than the window, unasked for', async () => {
    const [client, server] = streamPair()
    const served = serveFetchStream(server, () => new Promise(() => {})).catch((error: unknown) => error) // prettier-ignore
    await client.send(headFrame({ method: 'POST', body: true }))
    for (let sent = 0; sent <= windowBytes; sent += 60_000)
      await client.send(encodeFrame(frameType.data, bytes(60_000))).catch(() => {})
    // The handler never ends; the stream has.
    await vi.waitFor(() => expect(client.send(bytes(1))).rejects.toThrow())
    void served
  })

  it('garbage of any kind ends in an error, not in a crash or an endless wait', async () => {
    let random = 42
    const next = () => (random = (random * 1_103_515_245 + 12_345) & 0x7fffffff)
    for (let round = 0; round < 300; round++) {
      const junk = Uint8Array.from({ length: next() % 200 }, () => next() & 255)
      const error = await outcome(async (stream) => {
        if (round % 3 === 0) await stream.send(headFrame({ body: true }))
        await stream.send(junk)
        await stream.closeWrite()
      })
      if (error !== undefined) expect(error).toBeInstanceOf(SiloError)
    }
  })

  it('a server that answers nonsense is a registered error', async () => {
    for (const frame of [
      encodeJson(frameType.head, { status: 99, headers: [] }),
      encodeJson(frameType.head, { status: 200, headers: [['a']] }),
      encodeFrame(frameType.data, bytes(2)),
      Uint8Array.of(77),
    ]) {
      const [client, server] = streamPair()
      const response = fetchOverStream(async () => client, { method: 'GET', path: '/' }, never)
      await server.send(frame)
      await server.closeWrite()
      await expect(response).rejects.toMatchObject({ code: 'protocol_violation' })
    }
  })
})

describe('readFrames', () => {
  it('finds the frames however the bytes were split', async () => {
    const all = [headOf('a'), encodeFrame(frameType.data, bytes(70)), encodeAck(9), encodeFrame(frameType.end)] // prettier-ignore
    const joined = new Uint8Array(all.flatMap((frame) => [...frame]))
    for (let size = 1; size < 90; size++) {
      const pieces = (async function* () {
        for (let at = 0; at < joined.length; at += size) yield joined.subarray(at, at + size)
      })()
      const found: Uint8Array[] = []
      for await (const { type, payload } of readFrames(pieces)) found.push(encodeFrame(type, payload)) // prettier-ignore
      expect(found).toEqual(all)
    }
  })
})
