import { describe, expect, it } from 'vitest'
import { choosePageEngine, fitOf, pageThreads, type PageProbe } from './capability.ts'
import { pageCatalogue, pageModel } from './page-models/catalogue.ts'

const gigabyte = 1024 ** 3
const laptop: PageProbe = {
  wasm: { simd: true, threads: true, memory64: true, promises: true },
  gpu: { state: 'none', f16: false, storageBinding: 0, description: '' },
  platform: 'desktop',
  cores: 8,
  deviceMemory: 8 * gigabyte,
  storage: { available: true, free: 40 * gigabyte, persisted: true },
}
const gpu = { state: 'works', f16: true, storageBinding: gigabyte, description: 'a GPU' } as const
const apple = { simd: true, threads: true, memory64: false, promises: false }

const table: [name: string, probe: PageProbe, chosen: string[], lastReason: string][] = [
  [
    'laptop with a GPU',
    { ...laptop, gpu },
    [
      'Qwen2.5-Coder-0.5B-Instruct-q4f16_1-MLC gpu',
      'Qwen2.5-Coder-0.5B-Instruct-q4f32_1-MLC gpu',
      'SmolLM2-360M-Instruct-q4f16_1-MLC gpu',
      'qwen2.5-coder-0.5b threads',
      'smollm2-135m threads',
    ],
    'last-step',
  ],
  [
    'laptop with a GPU without half precision',
    { ...laptop, gpu: { ...gpu, f16: false } },
    [
      'Qwen2.5-Coder-0.5B-Instruct-q4f32_1-MLC gpu',
      'qwen2.5-coder-0.5b threads',
      'smollm2-135m threads',
    ],
    'last-step',
  ],
  [
    'laptop without a GPU',
    laptop,
    ['qwen2.5-coder-0.5b threads', 'smollm2-135m threads'],
    'last-step',
  ],
  [
    'laptop with a software adapter only',
    { ...laptop, gpu: { ...gpu, state: 'software' } },
    ['qwen2.5-coder-0.5b threads', 'smollm2-135m threads'],
    'last-step',
  ],
  [
    'laptop whose GPU computes wrong numbers',
    { ...laptop, gpu: { ...gpu, state: 'broken' } },
    ['qwen2.5-coder-0.5b threads', 'smollm2-135m threads'],
    'last-step',
  ],
  [
    'laptop, page not isolated',
    { ...laptop, wasm: { ...laptop.wasm, threads: false } },
    ['smollm2-135m single-thread', 'qwen2.5-coder-0.5b single-thread'],
    'last-step',
  ],
  [
    'Android, mid',
    { ...laptop, platform: 'android', cores: 8, deviceMemory: 4 * gigabyte },
    ['smollm2-135m threads', 'qwen2.5-coder-0.5b threads'],
    'last-step',
  ],
  [
    'Android, strong',
    { ...laptop, platform: 'android', cores: 8, deviceMemory: 8 * gigabyte },
    ['qwen2.5-coder-0.5b threads', 'smollm2-135m threads'],
    'last-step',
  ],
  [
    'Android, low',
    { ...laptop, platform: 'android', cores: 4, deviceMemory: 2 * gigabyte },
    ['smollm2-135m threads'],
    'last-step',
  ],
  [
    'Android, very low',
    { ...laptop, platform: 'android', cores: 4, deviceMemory: gigabyte },
    [],
    'little-memory',
  ],
  [
    'iPhone',
    { ...laptop, platform: 'iphone', cores: 6, deviceMemory: undefined, wasm: apple },
    ['smollm2-135m single-thread'],
    'last-step',
  ],
  [
    'iPad with WebGPU',
    { ...laptop, platform: 'ipad', cores: 8, deviceMemory: undefined, wasm: apple, gpu },
    [
      'SmolLM2-360M-Instruct-q4f16_1-MLC gpu',
      'smollm2-135m single-thread',
      'qwen2.5-coder-0.5b single-thread',
    ],
    'last-step',
  ],
  [
    'private window without file storage',
    { ...laptop, gpu, storage: { available: false, free: 0, persisted: false } },
    [],
    'no-storage',
  ],
  [
    'browser without SIMD',
    { ...laptop, wasm: { simd: false, threads: false, memory64: false, promises: false } },
    [],
    'no-simd',
  ],
]

describe('what a page runs', () => {
  it.each(table)('%s', (_name, probe, chosen, lastReason) => {
    const choices = choosePageEngine(probe, pageCatalogue)
    const last = choices.at(-1)
    expect(
      choices
        .slice(0, -1)
        .map((choice) =>
          choice.engine === 'retrieval' ? 'retrieval' : `${choice.model.id} ${choice.reason}`,
        ),
    ).toEqual(chosen)
    expect(last).toEqual({ engine: 'retrieval', reason: lastReason })
  })

  it('says why a model does not run', () => {
    const q4f16 = pageModel('Qwen2.5-Coder-0.5B-Instruct-q4f16_1-MLC')!
    const reason = (probe: PageProbe): string => fitOf(q4f16, probe).reason
    expect(reason(laptop)).toBe('no-gpu')
    expect(reason({ ...laptop, gpu: { ...gpu, f16: false } })).toBe('no-f16')
    expect(reason({ ...laptop, gpu: { ...gpu, storageBinding: 1000 } })).toBe('small-gpu')
    expect(reason({ ...laptop, gpu, deviceMemory: gigabyte })).toBe('little-memory')
  })

  it('uses one thread where the page is not isolated, and on iOS', () => {
    expect(pageThreads(laptop)).toBe(4)
    expect(pageThreads({ ...laptop, cores: 2 })).toBe(2)
    expect(pageThreads({ ...laptop, wasm: { ...laptop.wasm, threads: false } })).toBe(1)
    expect(pageThreads({ ...laptop, platform: 'iphone' })).toBe(1)
  })
})
