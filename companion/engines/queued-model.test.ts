import { describe, expect, it } from 'vitest'
import type { GenerateEvent, GenerateRequest } from '#shared/contracts/engine.ts'
import { createFakeEngine } from '#tests/fakes/engine.ts'
import { QueuedModel } from './queued-model.ts'

const forever = new AbortController().signal
const file = { id: 'm', path: '/m.gguf', sha256: '0'.repeat(64), task: 'chat' } as const

async function queued({ parallel = 1, memory = Infinity, delayMs = 1 } = {}): Promise<QueuedModel> {
  const engine = createFakeEngine({ delayMs, reply: () => 'one two three four' })
  const loaded = await engine.load(file, { contextTokens: 512, parallel }, { signal: forever })
  return new QueuedModel(loaded, { availableMemory: () => memory })
}

async function answer(
  model: QueuedModel,
  user: string,
  options: { signal?: AbortSignal; onEvent?: (event: GenerateEvent) => void } = {},
): Promise<GenerateEvent[]> {
  const request: GenerateRequest = { prompt: { kind: 'text', text: 'Hello' }, user }
  const events: GenerateEvent[] = []
  for await (const event of model.generate(request, options.signal ?? forever)) {
    events.push(event)
    options.onEvent?.(event)
  }
  return events
}
const kinds = (events: readonly GenerateEvent[]): string[] => events.map(({ type }) => type)

describe('a model that several ask', () => {
  it('computes as many answers at once as it can, and tells the others how many are ahead', async () => {
    const model = await queued({ parallel: 2 })
    const [first, second, third, fourth] = await Promise.all(['a', 'b', 'c', 'd'].map((user) => answer(model, user))) // prettier-ignore
    expect(kinds(first!)).not.toContain('waiting')
    expect(kinds(second!)).not.toContain('waiting')
    expect(third![0]).toEqual({ type: 'waiting', ahead: 0 })
    expect(fourth![0]).toEqual({ type: 'waiting', ahead: 1 })
    for (const events of [first!, second!, third!, fourth!])
      expect(events.at(-1)).toMatchObject({ type: 'end', reason: 'stop' })
  })

  it('lets users take turns', async () => {
    const model = await queued()
    const order: string[] = []
    const ask = (name: string) => answer(model, name[0]!).then(() => order.push(name))
    await Promise.all(['a1', 'a2', 'a3', 'b1'].map(ask))
    expect(order).toEqual(['a1', 'b1', 'a2', 'a3'])
  })

  it('leaves the queue when it is cancelled or nobody reads any more', async () => {
    const model = await queued()
    const stop = new AbortController()
    const first = answer(model, 'a')
    const cancelled = answer(model, 'b', { signal: stop.signal, onEvent: () => stop.abort() })
    const left = (async () => {
      const request: GenerateRequest = { prompt: { kind: 'text', text: 'Hello' }, user: 'c' }
      for await (const event of model.generate(request, forever)) return event
      return undefined
    })()
    const last = answer(model, 'd')
    expect(await cancelled).toMatchObject([{ type: 'waiting' }, { type: 'end', reason: 'abort' }])
    expect(await left).toMatchObject({ type: 'waiting' })
    expect((await first).at(-1)).toMatchObject({ reason: 'stop' })
    expect((await last).at(-1)).toMatchObject({ reason: 'stop' })
  })

  it('frees the place of an answer that is stopped at once', async () => {
    const model = await queued({ delayMs: 20 })
    const stop = new AbortController()
    const first = answer(model, 'a', { signal: stop.signal, onEvent: ({ type }) => type === 'text' && stop.abort() }) // prettier-ignore
    const second = answer(model, 'b')
    expect((await first).at(-1)).toMatchObject({ reason: 'abort' })
    expect((await second).at(-1)).toMatchObject({ reason: 'stop' })
  })

  it('refuses where memory is short, and more than a program may ask', async () => {
    await expect(answer(await queued({ memory: 1e6 }), 'a')).rejects.toMatchObject({ code: 'memory_short' }) // prettier-ignore
    const model = await queued()
    const stop = new AbortController()
    const many = Array.from({ length: 33 }, () => answer(model, 'a', { signal: stop.signal }))
    await expect(answer(model, 'a')).rejects.toMatchObject({ code: 'too_many_requests' })
    expect((await answer(model, 'b', { signal: AbortSignal.abort() })).at(-1)).toMatchObject({ reason: 'abort' }) // prettier-ignore
    stop.abort()
    await Promise.all(many)
  })
})
