import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { Transport } from '#shared/contracts/transport.ts'
import { SiloError } from '#shared/errors/silo-error.ts'
import type { KnownCompanion } from './companion-book.svelte.ts'
import { RoadKeeper, type RoadParts } from './road-keeper.ts'

const encoder = new TextEncoder()
const desk = known('desk', '12D3KooWGzxzKZYveHXtpG6AsrUJBcWxHBFS2HsEoGTxrMLvKXtf')
const server = known('server', '12D3KooWQYV9dGMFoRzNStwpXztXaBUjtPqi6aU76ZgUriHhKust')

function known(name: string, id: string): KnownCompanion {
  return { id, name, addresses: [], role: 'owner', pairedAt: 0, lastUsedAt: 0 }
}

/** A companion at the other end: answers, and streams what `say` is given. */
class Road implements Transport {
  readonly specVersion = 1
  readonly kind = 'webrtc'
  readonly asked: string[] = []
  readonly #closed = Promise.withResolvers<void>()
  readonly closed = this.#closed.promise
  answer: (path: string) => Response | Promise<Response> | undefined
  disposed = false
  #stream: ReadableStreamDefaultController<Uint8Array> | undefined

  constructor(answer: Road['answer'] = () => undefined) {
    this.answer = answer
  }

  async request({ path }: { path: string }, signal: AbortSignal): Promise<Response> {
    signal.throwIfAborted()
    this.asked.push(path)
    const answer = this.answer(path)
    if (answer) return answer
    if (path !== '/api/events') return Response.json({ path })
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => {
        this.#stream = controller
        signal.addEventListener('abort', () => controller.error(signal.reason))
        this.say('hello')
      },
    })
    return new Response(body, { headers: { 'content-type': 'text/event-stream; charset=utf-8' } })
  }

  say(text: string): void {
    this.#stream?.enqueue(encoder.encode(`data: ${text}\n\n`))
  }

  /** Only the stream breaks. */
  cut(): void {
    this.#stream?.error(new Error('cut'))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.disposed = true
    this.#closed.resolve()
  }
}

const page = (): Road => new Road(() => new Response('<!doctype html>', { headers: { 'content-type': 'text/html' } })) // prettier-ignore
const refuse = (status: number, code: ConstructorParameters<typeof SiloError>[0]): Road => {
  const { message, retryable } = new SiloError(code)
  return new Road(() => Response.json({ error: { code, message, retryable } }, { status }))
}
const closed = () => refuse(401, 'unauthorized')
const nobody = (): Promise<never> => Promise.reject(new SiloError('companion_unreachable'))

function keep(parts: Partial<RoadParts> & { list?: KnownCompanion[]; choice?: string } = {}) {
  const shown: string[] = []
  const received: string[] = []
  const ups: boolean[] = []
  const book = { load: async () => {}, list: parts.list ?? [], choice: parts.choice }
  const all = {
    here: page,
    connect: nobody,
    search: async () => {},
    book,
    expectedHere: () => false,
    receive: (data: string) => (received.push(data), data === 'hello'),
    up: (missed: boolean) => ups.push(missed),
    show(state: string, target) {
      const place = target?.kind === 'paired' ? target.companion.name : (target?.kind ?? 'nowhere')
      const line = `${state} ${place}`
      if (shown.at(-1) !== line) shown.push(line)
    },
    signedOut: vi.fn(),
    ...parts,
  } satisfies RoadParts
  const keeper = new RoadKeeper(all)
  return { keeper, shown, received, ups, book, parts: all }
}

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())
const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms)

describe('RoadKeeper', () => {
  it('uses the companion that serves the page, and asks no other', async () => {
    const road = new Road()
    const connect = vi.fn(nobody)
    const { keeper, shown, ups } = keep({ here: () => road, connect, list: [desk], expectedHere: () => true }) // prettier-ignore
    keeper.start()
    await pass(0)
    expect(shown).toEqual(['connecting here', 'online here'])
    expect(ups).toEqual([false])
    expect(connect).not.toHaveBeenCalled()
    expect(await (await keeper.request('/api/status')).json()).toEqual({ path: '/api/status' })
  })

  it('goes to a paired companion where the page comes from a plain file server', async () => {
    const road = new Road()
    const here = vi.fn(page)
    const { keeper, shown } = keep({ here, connect: async () => road, list: [desk], expectedHere: () => true }) // prettier-ignore
    keeper.start()
    await pass(0)
    expect(shown).toEqual(['connecting here', 'connecting desk', 'online desk'])
    road[Symbol.asyncDispose]()
    await pass(3000)
    expect(here).toHaveBeenCalledOnce()
  })

  it('does not ask an origin where none is expected once a companion is paired', async () => {
    const here = vi.fn(page)
    const { keeper, shown } = keep({ here, connect: async () => new Road(), list: [desk] })
    keeper.start()
    await pass(0)
    expect(here).not.toHaveBeenCalled()
    expect(shown.at(-1)).toBe('online desk')
  })

  it('is a page of its own where there is no companion at all', async () => {
    const { keeper, shown } = keep()
    keeper.start()
    await pass(0)
    expect(shown).toEqual(['connecting here', 'page-only nowhere'])
    await expect(keeper.request('/api/status')).rejects.toMatchObject({ code: 'companion_unreachable' }) // prettier-ignore
  })

  it('asks for a sign-in at the companion’s own address, unless another is paired', async () => {
    const alone = keep({ here: closed, expectedHere: () => true })
    alone.keeper.start()
    await pass(0)
    expect(alone.parts.signedOut).toHaveBeenCalledOnce()
    expect(alone.shown.at(-1)).toBe('offline here')
    const paired = keep({ here: closed, expectedHere: () => true, list: [desk], connect: async () => new Road() }) // prettier-ignore
    paired.keeper.start()
    await pass(0)
    expect(paired.parts.signedOut).not.toHaveBeenCalled()
    expect(paired.shown.at(-1)).toBe('online desk')
  })

  it('comes back ever more slowly, one dial at a time, and at once when woken', async () => {
    let dials = 0
    let open = 0
    const connect = async (): Promise<never> => {
      dials++
      expect(++open).toBe(1)
      await new Promise((resolve) => setTimeout(resolve, 100))
      open--
      throw new SiloError('companion_unreachable')
    }
    const { keeper, shown } = keep({ connect, list: [desk] })
    keeper.start()
    await pass(60_000)
    expect(shown.slice(0, 2)).toEqual(['connecting desk', 'offline desk'])
    expect(dials).toBeGreaterThan(6)
    expect(dials).toBeLessThan(12)
    const before = dials
    keeper.wake()
    keeper.wake()
    await pass(0)
    expect(dials).toBe(before + 1)
  })

  it('lets requests wait for a road that is being built, and fails them fast where there is none', async () => {
    const dial = Promise.withResolvers<Transport>()
    const { keeper } = keep({ connect: () => dial.promise, list: [desk] })
    const early = keeper.request('/api/models')
    await pass(1000)
    dial.resolve(new Road())
    await pass(0)
    expect(await (await early).json()).toEqual({ path: '/api/models' })

    const away = keep({ list: [desk] })
    away.keeper.start()
    await pass(0)
    await expect(away.keeper.request('/api/models')).rejects.toMatchObject({ code: 'companion_unreachable' }) // prettier-ignore
    const stop = new AbortController()
    const hanging = keep({ list: [desk], connect: () => new Promise(() => {}) })
    const given = hanging.keeper.request('/api/models', { signal: stop.signal })
    stop.abort(new Error('enough'))
    await expect(given).rejects.toThrow('enough')
  })

  it('builds a lost road again at once and says that something was missed', async () => {
    const roads = [new Road(), new Road()]
    const dialled: Road[] = []
    const connect = async () => {
      dialled.push(roads[dialled.length]!)
      return dialled.at(-1)!
    }
    const { keeper, shown, received, ups } = keep({ connect, list: [desk] })
    keeper.start()
    await pass(5000)
    roads[0]!.say('one')
    await pass(0)
    await roads[0]![Symbol.asyncDispose]()
    await pass(0)
    roads[1]!.say('two')
    await pass(0)
    expect(shown).toEqual(['connecting desk', 'online desk', 'connecting desk', 'online desk'])
    expect(received).toEqual(['hello', 'one', 'hello', 'two'])
    expect(ups).toEqual([false, true])
  })

  it('opens a broken stream again on a connection that still stands', async () => {
    const road = new Road()
    const connect = vi.fn(async () => road)
    const { keeper, ups } = keep({ connect, list: [desk] })
    keeper.start()
    await pass(5000)
    road.cut()
    await pass(1000)
    expect(connect).toHaveBeenCalledOnce()
    expect(road.asked.filter((path) => path === '/api/events')).toHaveLength(2)
    expect(ups).toEqual([false, true])
  })

  it('asks a silent companion, and gives up one that says nothing', async () => {
    const dead = new Road()
    const next = new Road()
    const { keeper, shown } = keep({ connect: async () => (dead.disposed ? next : dead), list: [desk] }) // prettier-ignore
    keeper.start()
    await pass(20_000)
    keeper.tick()
    await pass(0)
    expect(dead.asked).not.toContain('/healthz')
    dead.answer = (path) => (path === '/healthz' ? new Promise(() => {}) : undefined)
    dead.request = (({ path }: { path: string }, signal: AbortSignal) => {
      dead.asked.push(path)
      return new Promise((_, reject) =>
        signal.addEventListener('abort', () => reject(signal.reason)),
      )
    }) as Road['request']
    vi.useRealTimers()
    keeper.wake()
    await vi.waitFor(() => expect(dead.disposed).toBe(true), { timeout: 10_000 })
    await vi.waitFor(() => expect(next.asked).toContain('/api/events'))
    expect(dead.asked.filter((path) => path === '/healthz').length).toBeGreaterThan(0)
    expect(shown.at(-1)).toBe('online desk')
  })

  it('stops where it was shut out, until the person asks again', async () => {
    let paired = false
    const connect = vi.fn(async () => {
      if (paired) return new Road()
      throw new SiloError('device_not_paired')
    })
    const { keeper, shown } = keep({ connect, list: [desk] })
    keeper.start()
    await pass(120_000)
    keeper.wake()
    await pass(1000)
    expect(connect).toHaveBeenCalledOnce()
    expect(shown.at(-1)).toBe('revoked desk')
    await expect(keeper.request('/api/status')).rejects.toMatchObject({ code: 'device_not_paired' })
    paired = true
    keeper.retry()
    await pass(0)
    expect(shown.at(-1)).toBe('online desk')
  })

  it('leaves for another companion when that is chosen, and stays where nothing changes', async () => {
    const roads = new Map([[desk.id, new Road()], [server.id, new Road()]]) // prettier-ignore
    const connect = vi.fn(async ({ id }: KnownCompanion) => roads.get(id)!)
    const { keeper, book, shown } = keep({ connect, list: [desk, server] })
    keeper.start()
    await pass(0)
    keeper.rechoose()
    await pass(0)
    expect(connect).toHaveBeenCalledOnce()
    book.choice = server.id
    keeper.rechoose()
    await pass(0)
    expect(roads.get(desk.id)!.disposed).toBe(true)
    expect(shown.at(-1)).toBe('online server')
  })

  it('has others asked for a companion that is not where it was', async () => {
    const search = vi.fn(async () => {})
    const { keeper } = keep({ search, list: [desk, server] })
    keeper.start()
    await pass(5000)
    expect(search).toHaveBeenCalledWith(desk, expect.any(AbortSignal))
  })
})
