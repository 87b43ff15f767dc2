import { describe, expect, it } from 'vitest'
import type { GgufTensor } from '#companion/formats/gguf.ts'
import { planQuantization, tensorTypes } from './plan.ts'

const { F16, F32, Q3_K, Q4_0, Q4_K, Q6_K } = tensorTypes
const tensor = (name: string, dimensions: number[], type = F16): GgufTensor => ({
  name,
  dimensions,
  type,
  offset: 0,
})

/** A model in the manner of Qwen2: few heads share keys and values. */
function modelOf(width: number, options: { tied?: boolean; type?: number } = {}): GgufTensor[] {
  const { tied = false, type = F16 } = options
  const layers = Array.from({ length: 24 }, (_, layer) => [
    tensor(`blk.${layer}.attn_norm.weight`, [width], F32),
    tensor(`blk.${layer}.attn_q.weight`, [width, width], type),
    tensor(`blk.${layer}.attn_q.bias`, [width], F32),
    tensor(`blk.${layer}.attn_k.weight`, [width, width / 8], type),
    tensor(`blk.${layer}.attn_v.weight`, [width, width / 8], type),
    tensor(`blk.${layer}.ffn_norm.weight`, [width], F32),
    tensor(`blk.${layer}.ffn_up.weight`, [width, 4 * width], type),
    tensor(`blk.${layer}.ffn_down.weight`, [4 * width, width], type),
  ])
  return [
    tensor('token_embd.weight', [width, 1000], type),
    ...layers.flat(),
    tensor('output_norm.weight', [width], F32),
    ...(tied ? [] : [tensor('output.weight', [width, 1000], type)]),
  ]
}

function typesOf(
  tensors: GgufTensor[],
  preset: '3.5-bit' | 'Q3_K_S' | 'Q4_K_M',
): Record<string, number> {
  const plan = planQuantization({ tensors }, preset, 'm')
  return Object.fromEntries(plan.tensors.map(({ name, to }) => [name, to]))
}

const planning = (tensors: GgufTensor[]) => () => planQuantization({ tensors }, '3.5-bit', 'm')

describe('the plan of a quantization', () => {
  it('gives most weights three bits, and what is small and matters four', () => {
    const types = typesOf(modelOf(1024), '3.5-bit')
    expect(types['blk.3.ffn_down.weight']).toBe(Q3_K)
    expect(types['token_embd.weight']).toBe(Q3_K)
    expect(types['output.weight']).toBe(Q4_K)
    expect(types['blk.3.attn_v.weight']).toBe(Q4_K)
    expect(types['blk.3.attn_norm.weight']).toBe(F32)
    expect(types['blk.3.attn_q.bias']).toBe(F32)
    const plan = planQuantization({ tensors: modelOf(1024) }, '3.5-bit', 'm')
    expect(plan.bitsPerWeight).toBeLessThan(3.6)
    expect(plan.sourceBitsPerWeight).toBeGreaterThan(15.9)
  })

  it('keeps four bits for the words of a model that has one tensor for both ends', () => {
    expect(typesOf(modelOf(1024, { tied: true }), '3.5-bit')['token_embd.weight']).toBe(Q4_K)
  })

  it('gives keys and values three bits where every head has its own', () => {
    const own = [...modelOf(1024), tensor('blk.99.attn_k.weight', [1024, 1024])]
    expect(typesOf(own, '3.5-bit')['blk.99.attn_k.weight']).toBe(Q3_K)
  })

  it('names the norm whose scale tells which columns matter', () => {
    const { tensors } = planQuantization({ tensors: modelOf(1024) }, '3.5-bit', 'm')
    const norm = (name: string) => tensors.find((found) => found.name === name)?.importance
    expect(norm('blk.2.attn_q.weight')).toBe('blk.2.attn_norm.weight')
    expect(norm('blk.2.ffn_up.weight')).toBe('blk.2.ffn_norm.weight')
    expect(norm('output.weight')).toBe('output_norm.weight')
    expect(norm('blk.2.ffn_down.weight')).toBeUndefined()
  })

  it('refuses a width that has no such types, and a file that is as small already', () => {
    expect(planning(modelOf(896))).toThrow(expect.objectContaining({ code: 'quantize_no_gain', params: { model: 'm', bits: '4.1' } })) // prettier-ignore
    expect(planning(modelOf(1024, { type: Q3_K }))).toThrow(expect.objectContaining({ code: 'quantize_no_gain' })) // prettier-ignore
    expect(planning([tensor('a.weight', [256, 1], 999)])).toThrow(expect.objectContaining({ code: 'quantize_no_gain' })) // prettier-ignore
  })

  it('never gives a tensor more bits than it had', () => {
    const types = typesOf(modelOf(1024, { type: Q4_0 }), 'Q4_K_M')
    expect(Object.values(types)).not.toContain(Q6_K)
    expect(types['blk.1.attn_q.weight']).toBe(Q4_0)
  })

  it('plans llama.cpp’s plain files for comparison', () => {
    const plain = typesOf(modelOf(1024), 'Q3_K_S')
    expect(plain['output.weight']).toBe(Q6_K)
    expect(plain['blk.3.attn_v.weight']).toBe(Q3_K)
    const medium = typesOf(modelOf(1024), 'Q4_K_M')
    expect(medium['blk.0.ffn_down.weight']).toBe(Q6_K)
    expect(medium['blk.4.ffn_down.weight']).toBe(Q4_K)
    expect(medium['blk.5.ffn_down.weight']).toBe(Q6_K)
  })
})
