import { afterEach, describe, expect, it, vi } from 'vitest'
import type { Transport } from '#shared/contracts/transport.ts'
import type { TransportKind } from '#shared/domain/device.ts'

export type Handler = (request: Request) => Promise<Response>

export interface TransportHarness {
  readonly name: string
  readonly kind: TransportKind
  /** A connected transport whose requests `handler` answers on the other side. */
  connect(handler: Handler): Promise<{ transport: Transport; close(): Promise<void> }>
}

const never = new AbortController().signal

/** What every transport does, whatever is below it. */
export function describeTransport({ name, kind, connect }: TransportHarness): void {
  describe(`the transport ${name}`, () => {
    const closers: (() => Promise<void>)[] = []
    afterEach(async () => {
      for (const close of closers.splice(0)) await close()
    })
    const over = async (handler: Handler): Promise<Transport> => {
      const { transport, close } = await connect(handler)
      closers.push(async () => {
        await transport[Symbol.asyncDispose]()
        await close()
      })
      return transport
    }
    const big = new Uint8Array(2_500_000).map((_, index) => (index * 7) & 255)

    it('says what it is', async () => {
      const transport = await over(async () => new Response())
      expect(transport.specVersion).toBe(1)
      expect(transport.kind).toBe(kind)
    })

    it('carries method, query, headers and bodies', async () => {
      const transport = await over(async (request) => {
        const { pathname, search } = new URL(request.url)
        const said = `${request.method} ${pathname}${search} ${request.headers.get('x-a')}`
        return new Response(`${said} ${await request.text()}`, {
          status: 207,
          headers: { 'x-b': 'yes' },
        })
      })
      for (const body of ['你好', new TextEncoder().encode('你好'), new Blob(['你好'])]) {
        const answer = await transport.request(
          { method: 'POST', path: '/api/a?b=c&d=%20', headers: { 'x-a': '1' }, body },
          never,
        )
        expect([answer.status, answer.headers.get('x-b')]).toEqual([207, 'yes'])
        expect(await answer.text()).toBe('POST /api/a?b=c&d=%20 1 你好')
      }
    })

    it('carries answers without a body', async () => {
      const transport = await over(async () => new Response(null, { status: 204 }))
      const answer = await transport.request({ method: 'DELETE', path: '/x' }, never)
      expect([answer.status, await answer.text()]).toEqual([204, ''])
    })

    it('carries large bodies both ways', async () => {
      const transport = await over(async (request) => new Response(await request.arrayBuffer()))
      const answer = await transport.request({ method: 'POST', path: '/echo', body: big }, never)
      const back = new Uint8Array(await answer.arrayBuffer())
      expect(back.length).toBe(big.length)
      expect(back.every((byte, index) => byte === big[index])).toBe(true)
    })

    it('hands over the pieces of an answer as they are made', async () => {
      const gates = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
      const transport = await over(async () => {
        let piece = 0
        const body = new ReadableStream<Uint8Array>({
          async pull(controller) {
            if (piece === 2) return controller.close()
            await gates[piece]!.promise
            controller.enqueue(new TextEncoder().encode(`piece ${piece++}`))
          },
        })
        return new Response(body, { headers: { 'content-type': 'text/event-stream' } })
      })
      const answer = await transport.request({ method: 'GET', path: '/events' }, never)
      const reader = answer.body!.pipeThrough(new TextDecoderStream()).getReader()
      gates[0]!.resolve()
      expect((await reader.read()).value).toBe('piece 0')
      gates[1]!.resolve()
      expect((await reader.read()).value).toBe('piece 1')
      expect((await reader.read()).done).toBe(true)
    })

    it('holds a maker back whose reader does not read', async () => {
      let made = 0
      const transport = await over(async () => {
        const body = new ReadableStream<Uint8Array>(
          {
            pull(controller) {
              made += 65_536
              controller.enqueue(new Uint8Array(65_536))
            },
          },
          { highWaterMark: 0 },
        )
        return new Response(body)
      })
      const stop = new AbortController()
      const answer = await transport.request({ method: 'GET', path: '/endless' }, stop.signal)
      const reader = answer.body!.getReader()
      await reader.read()
      await vi.waitFor(
        async () => {
          const before = made
          await new Promise((resolve) => setTimeout(resolve, 200))
          expect(made).toBe(before)
        },
        { timeout: 10_000 },
      )
      expect(made).toBeLessThan(32 * 1024 * 1024)
      stop.abort(new Error('enough'))
    })

    it('tells the handler that the caller gave up', async () => {
      const gaveUp = Promise.withResolvers<void>()
      const transport = await over(async (request) => {
        request.signal.addEventListener('abort', () => gaveUp.resolve(), { once: true })
        return new Response(new ReadableStream({ start: (c) => c.enqueue(new Uint8Array(3)) }))
      })
      const stop = new AbortController()
      const answer = await transport.request({ method: 'GET', path: '/long' }, stop.signal)
      const reader = answer.body!.getReader()
      await reader.read()
      stop.abort(new Error('enough'))
      await expect(reader.read()).rejects.toThrow()
      await gaveUp.promise
    })

    it('rejects with the reason of a signal that was aborted before', async () => {
      const handler = vi.fn(async () => new Response())
      const transport = await over(handler)
      const request = { method: 'GET', path: '/' }
      await expect(transport.request(request, AbortSignal.abort(new Error('before')))).rejects.toThrow('before') // prettier-ignore
      expect(handler).not.toHaveBeenCalled()
    })

    it('serves many at once, and one that fails leaves the others alone', async () => {
      const transport = await over(async (request) => {
        const { pathname } = new URL(request.url)
        if (pathname === '/broken') return Response.json({ error: 'broken' }, { status: 500 })
        await new Promise((resolve) => setTimeout(resolve, 20))
        return new Response(pathname)
      })
      const paths = Array.from({ length: 40 }, (_, index) => `/number/${index}`)
      const stop = new AbortController()
      const [answers, broken] = await Promise.all([
        Promise.all(
          paths.map(async (path) => (await transport.request({ method: 'GET', path }, never)).text()), // prettier-ignore
        ),
        transport.request({ method: 'GET', path: '/broken' }, never),
        transport.request({ method: 'GET', path: '/given-up' }, stop.signal).catch(() => undefined),
        Promise.resolve().then(() => stop.abort(new Error('this one only'))),
      ])
      expect(answers).toEqual(paths)
      expect(broken.status).toBe(500)
    })

    it('says when it is over, and refuses from then on', async () => {
      const transport = await over(async () => new Response('fine'))
      expect(await (await transport.request({ method: 'GET', path: '/' }, never)).text()).toBe('fine') // prettier-ignore
      await transport[Symbol.asyncDispose]()
      await transport.closed
      await expect(transport.request({ method: 'GET', path: '/' }, never)).rejects.toMatchObject({
        code: 'companion_unreachable',
      })
    })
  })
}
