import { describe, expect, it, vi } from 'vitest'
import type { ModelFile } from '#shared/contracts/engine.ts'
import { createFakeEngine } from '#tests/fakes/engine.ts'
import { ModelPool } from './pool.ts'

const plan = { contextTokens: 1024, parallel: 1 }
const signal = new AbortController().signal
const file = (id: string, task: ModelFile['task'] = 'chat'): ModelFile => ({
  id,
  path: `/models/${id}.gguf`,
  sha256: '0'.repeat(64),
  task,
})

describe('model pool', () => {
  it('keeps a chat and an embedding model at once and shares them', async () => {
    const engine = createFakeEngine()
    await using pool = new ModelPool(engine)
    const a = await pool.acquire(file('a'), plan, { signal })
    const b = await pool.acquire(file('a'), plan, { signal })
    const e = await pool.acquire(file('e', 'embed'), plan, { signal })
    expect(a.loaded).toBe(b.loaded)
    expect(engine.loadedIds).toEqual(['a', 'e'])
    expect(pool.isLoaded('a') && pool.isLoaded('e')).toBe(true)
    for (const lease of [a, b, e]) lease.release()
  })

  it('unloads the old chat model when another is asked for and it is unused', async () => {
    const engine = createFakeEngine()
    await using pool = new ModelPool(engine)
    const a = await pool.acquire(file('a'), plan, { signal })
    a.release()
    const b = await pool.acquire(file('b'), plan, { signal })
    expect(engine.loadedIds).toEqual(['b'])
    b.release()
  })

  it('unloads a model in use only after its release', async () => {
    const engine = createFakeEngine()
    await using pool = new ModelPool(engine)
    const a = await pool.acquire(file('a'), plan, { signal })
    const b = await pool.acquire(file('b'), plan, { signal })
    expect(engine.loadedIds).toEqual(['a', 'b'])
    await expect(pool.unload('a')).rejects.toMatchObject({ code: 'conflict' })
    a.release()
    a.release()
    await vi.waitFor(() => expect(engine.loadedIds).toEqual(['b']))
    b.release()
  })

  it('loads anew after a refresh, what is in use once it is given back', async () => {
    const engine = createFakeEngine()
    await using pool = new ModelPool(engine)
    const a = await pool.acquire(file('a'), plan, { signal })
    const b = await pool.acquire(file('b'), plan, { signal })
    b.release()
    await pool.refresh()
    await vi.waitFor(() => expect(engine.loadedIds).toEqual(['a']))
    expect(pool.isLoaded('a')).toBe(true)
    // The engine is the same one here, and gives the same handle: it must stay.
    const again = await pool.acquire(file('a'), plan, { signal })
    a.release()
    await new Promise((resolve) => setTimeout(resolve, 20))
    expect(engine.loadedIds).toEqual(['a'])
    again.release()
    await pool.refresh()
    await vi.waitFor(() => expect(engine.loadedIds).toEqual([]))
  })

  it('unloads after idle time', async () => {
    const engine = createFakeEngine()
    await using pool = new ModelPool(engine, { idleMs: 10 })
    const lease = await pool.acquire(file('a'), plan, { signal })
    lease.release()
    await vi.waitFor(() => expect(engine.loadedIds).toEqual([]))
    expect(pool.isLoaded('a')).toBe(false)
  })

  it('gives up loading when the only one who waits aborts', async () => {
    const engine = createFakeEngine({ loadMs: 10_000 })
    await using pool = new ModelPool(engine)
    const controller = new AbortController()
    const waiting = pool.acquire(file('a'), plan, { signal: controller.signal })
    controller.abort(new Error('enough'))
    await expect(waiting).rejects.toThrow('enough')
    await vi.waitFor(() => expect(engine.state).toBe('idle'))
  })

  it('passes on why a model cannot be loaded, and tries again', async () => {
    await using pool = new ModelPool(createFakeEngine())
    for (let i = 0; i < 2; i++) {
      await expect(pool.acquire(file('corrupt'), plan, { signal })).rejects.toMatchObject({
        code: 'model_corrupt',
      })
    }
  })
})
