import { sha256 } from '@noble/hashes/sha2.js'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { LoadedModel } from '#shared/contracts/engine.ts'
import type { PageModelOffer } from '#shared/domain/page-model.ts'
import { SiloError } from '#shared/errors/silo-error.ts'
import { failure } from '#tests/contracts/engine.ts'
import { choosePageEngine } from '../capability.ts'
import { pageCatalogue, pageModel } from '../page-models/catalogue.ts'
import { openWriter, removeFolder } from '../page-models/files.ts'
import { probeGpu, probePage } from '../page-probe.ts'
import { WebLlmEngine } from './engine.ts'

const model = pageModel('Qwen2.5-Coder-0.5B-Instruct-q4f32_1-MLC')!
const folder = ['page-models', model.id]
const signal = new AbortController().signal
const file = { id: model.id, path: model.id, sha256: '0'.repeat(64), task: 'chat' } as const
const plan = { contextTokens: 1024, parallel: 1 }
const pair = { webLlm: '0.2.86', libraries: 'v0_2_86/base', library: 'lib.wasm' }

/** `(import "env" "nothing" (func))`: a good module that belongs to something else. */
const otherLibrary = new Uint8Array([
  0, 97, 115, 109, 1, 0, 0, 0, 1, 4, 1, 96, 0, 0, 2, 15, 1, 3, 101, 110, 118, 7, 110, 111, 116, 104,
  105, 110, 103, 0, 0,
])
const config = new TextEncoder().encode(
  JSON.stringify({ tokenizer_files: ['tokenizer.json'], context_window_size: 4096 }),
)

async function put(
  name: string,
  bytes: Uint8Array<ArrayBuffer>,
): Promise<PageModelOffer['files'][number]> {
  // prettier-ignore
  await using writer = await openWriter([...folder, name])
  await writer.write(bytes.slice())
  const sum = [...sha256(bytes)].map((byte) => byte.toString(16).padStart(2, '0')).join('')
  return { name, size: bytes.length, sha256: sum }
}

describe('web-llm where WebGPU computes on the processor', () => {
  let engine: WebLlmEngine | undefined
  beforeEach(() => removeFolder(folder))
  afterEach(() => engine?.[Symbol.asyncDispose]())

  function load(record: PageModelOffer, allowSoftware = true): Promise<LoadedModel> {
    engine = new WebLlmEngine({ gpu: probeGpu, find: async () => ({ model, record }), allowSoftware }) // prettier-ignore
    return engine.load(file, plan, { signal })
  }
  it('sees through a software adapter: its numbers are right, and it is not chosen', async () => {
    const gpu = await probeGpu()
    expect(gpu.state).toBe('software')
    expect(gpu.storageBinding).toBeGreaterThan(0)
    const probe = await probePage()
    expect(probe.wasm).toEqual({ simd: true, threads: true, memory64: true, promises: true })
    expect(probe.storage.available).toBe(true)
    const engines = choosePageEngine(probe, pageCatalogue).map((choice) => choice.engine)
    expect(engines).toContain('wllama')
    expect(engines).not.toContain('web-llm')
    const error = await failure(load({ id: model.id, files: [], pair }, false))
    expect(error.code).toBe('page_engine_unavailable')
    expect(error.params.detail).toContain('processor')
  })

  it('refuses weights that belong to another web-llm before it starts', async () => {
    const files = [await put('lib.wasm', otherLibrary)]
    for (const wrong of [
      { ...pair, webLlm: '0.2.79' },
      { ...pair, libraries: 'v0_2_48' },
      { ...pair, library: 'none.wasm' },
    ]) {
      // prettier-ignore
      const error = await failure(load({ id: model.id, files, pair: wrong }))
      expect(error.code).toBe('page_engine_unavailable')
    }
    expect(engine!.state).toBe('failed')
  })

  it('refuses a library whose bytes have changed', async () => {
    const settings = await put('mlc-chat-config.json', config)
    const library = await put('lib.wasm', otherLibrary)
    const files = [settings, { ...library, sha256: 'a'.repeat(64) }]
    const error = await failure(load({ id: model.id, files, pair }))
    expect(error.code).toBe('checksum_mismatch')
  })

  it('says that a library does not link, and loads nothing from elsewhere', async () => {
    const files = [await put('mlc-chat-config.json', config), await put('lib.wasm', otherLibrary)]
    const error = await failure(load({ id: model.id, files, pair }))
    expect(error.code).toBe('page_engine_unavailable')
    expect(error.params.detail).toContain('another web-llm')
    const missing = await failure(load({ id: model.id, files: files.slice(1), pair }))
    expect(missing.code).toBe('model_load_failed')
  })

  it('gives up at once when asked to', async () => {
    const files = [await put('mlc-chat-config.json', config), await put('lib.wasm', otherLibrary)]
    engine = new WebLlmEngine({ gpu: probeGpu, find: async () => ({ model, record: { id: model.id, files, pair } }), allowSoftware: true }) // prettier-ignore
    const reason = new SiloError('cancelled')
    await expect(engine.load(file, plan, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason) // prettier-ignore
  })
})
