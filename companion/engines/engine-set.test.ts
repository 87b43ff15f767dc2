import { describe, expect, it } from 'vitest'
import { silentLog } from '#companion/observe/log.ts'
import type { Engine, ModelFile } from '#shared/contracts/engine.ts'
import { SiloError } from '#shared/errors/silo-error.ts'
import { EngineSet, type EngineFallback } from './engine-set.ts'

const signal = new AbortController().signal
const plan = { contextTokens: 512, parallel: 1 }
const file: ModelFile = { id: 'm', path: '/m.gguf', sha256: '0'.repeat(64), task: 'chat' }

function engine(id: string, fails?: SiloError): Engine & { loads: string[] } {
  const loads: string[] = []
  return {
    specVersion: 1,
    id,
    loads,
    state: 'idle',
    onStateChange: () => () => {},
    probe: () => Promise.reject(new Error('not asked')),
    async load(model) {
      loads.push(model.id)
      if (fails) throw fails
      return { by: id } as never
    },
    async [Symbol.asyncDispose]() {},
  }
}

function setOf(engines: readonly Engine[], remote = engine('remote')) {
  const fallbacks: EngineFallback[] = []
  const set = new EngineSet({
    engines: () => engines,
    all: engines,
    remote,
    log: silentLog,
    onFallback: (fallback) => fallbacks.push(fallback),
  })
  return { set, fallbacks }
}

describe('a set of engines', () => {
  it('takes the best', async () => {
    const [one, two] = [engine('one'), engine('two')]
    const { set, fallbacks } = setOf([one, two])
    const loaded = await set.load(file, plan, { signal })
    expect(set.engineIdOf(loaded)).toBe('one')
    expect([one.loads, two.loads, fallbacks]).toEqual([['m'], [], []])
  })

  it('takes the next where the best fails, and says so', async () => {
    const error = new SiloError('model_load_failed', { params: { model: 'm' } })
    const { set, fallbacks } = setOf([engine('one', error), engine('two')])
    const loaded = await set.load(file, plan, { signal })
    expect(set.engineIdOf(loaded)).toBe('two')
    expect(fallbacks).toEqual([{ model: 'm', from: 'one', to: 'two', error }])
  })

  it('tries no other engine where the file is at fault, or memory is short', async () => {
    for (const code of ['model_corrupt', 'out_of_memory'] as const) {
      const two = engine('two')
      const { set } = setOf([engine('one', new SiloError(code, { params: { model: 'm' } })), two])
      await expect(set.load(file, plan, { signal })).rejects.toMatchObject({ code })
      expect(two.loads).toEqual([])
    }
  })

  it('gives the first reason where all fail', async () => {
    const { set, fallbacks } = setOf([
      engine('one', new SiloError('engine_crashed')),
      engine('two', new SiloError('engine_unavailable')),
    ])
    await expect(set.load(file, plan, { signal })).rejects.toMatchObject({ code: 'engine_crashed' })
    expect(fallbacks).toEqual([])
  })

  it('asks a server for what is in a server, and nothing else', async () => {
    const one = engine('one')
    const remote = engine('remote', new SiloError('engine_unavailable'))
    const { set } = setOf([one], remote)
    const there = { ...file, path: 'http://127.0.0.1:11434#llama3' }
    await expect(set.load(there, plan, { signal })).rejects.toMatchObject({ code: 'engine_unavailable' }) // prettier-ignore
    expect([one.loads, remote.loads]).toEqual([[], ['m']])
  })
})
