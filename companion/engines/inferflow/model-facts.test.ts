import { describe, expect, it } from 'vitest'
import type { GgufHeader, GgufTensor, GgufValue } from '#companion/formats/gguf.ts'
import { inferflowFacts, processorContext } from './model-facts.ts'

const q41 = 3
const tensors: GgufTensor[] = [
  { name: 'token_embd.weight', dimensions: [576, 49_152], type: 8, offset: 0 },
  { name: 'blk.0.attn_q.weight', dimensions: [576, 576], type: q41, offset: 0 },
]
const metadata: Record<string, GgufValue> = {
  'general.architecture': 'llama',
  'llama.block_count': 30,
  'llama.context_length': 8192,
  'llama.embedding_length': 576,
  'llama.feed_forward_length': 1536,
  'llama.attention.head_count': 9,
  'llama.attention.head_count_kv': 3,
  'llama.rope.freq_base': 100_000,
  'llama.rope.dimension_count': 64,
  'tokenizer.ggml.model': 'gpt2',
}

function header(changes: Record<string, GgufValue> = {}, more: GgufTensor[] = []): GgufHeader {
  return {
    version: 3,
    metadata: new Map(Object.entries({ ...metadata, ...changes })),
    tensors: [...tensors, ...more],
    infosAt: 0,
    dataStart: 0,
    alignment: 32,
    expectedSize: 0,
    fileSize: 0,
  }
}

function tensor(name: string, type = 0, dimensions = [576]): GgufTensor {
  return { name, type, dimensions, offset: 0 }
}

describe('what Inferflow knows of a model', () => {
  it('is in the header', () => {
    expect(inferflowFacts(header(), 'm')).toEqual({
      layers: 30,
      width: 576,
      feedForward: 1536,
      heads: 9,
      keyValueHeads: 3,
      contextLength: 8192,
      vocabulary: 49_152,
      ropeBase: 100_000,
      byteLevel: true,
    })
  })

  it('is not enough for what it would compute wrongly or cannot read', () => {
    for (const bad of [
      header({ 'general.architecture': 'qwen2' }),
      header({ 'llama.attention.key_length': 128 }),
      header({ 'llama.rope.dimension_count': 32 }),
      header({ 'llama.rope.scaling.type': 'yarn' }),
      header({ 'llama.block_count': 0 }),
      header({}, [tensor('blk.0.attn_q.bias')]),
      header({}, [tensor('rope_freqs.weight')]),
      header({}, [tensor('blk.0.ffn_gate_exps.weight')]),
      header({}, [tensor('output.weight', 14)]),
      header({}, [tensor('output.weight', 0, [1, 2, 3])]),
    ])
      expect(() => inferflowFacts(bad, 'm')).toThrow('could not be loaded')
  })

  it('bounds a prompt on the processor: 500 tokens of this model were computed, 600 were not', () => {
    const most = processorContext(inferflowFacts(header(), 'm'))
    expect(most).toBeGreaterThan(500)
    expect(most).toBeLessThan(550)
  })
})
