import { tensorBytes, type GgufHeader, type GgufTensor } from '#companion/formats/gguf.ts'
import { SiloError } from '#shared/errors/silo-error.ts'

/** GGML's numbers of tensor types. */
export const tensorTypes = { F32: 0, F16: 1, Q4_0: 2, Q3_K: 11, Q4_K: 12, Q6_K: 14, BF16: 30 }

/** `3.5-bit` is Silo's mix; the others are llama.cpp's plain ones, to compare with. */
export type QuantizationPreset = '3.5-bit' | 'Q3_K_S' | 'Q4_K_M'

export interface TensorPlan extends GgufTensor {
  readonly to: number
  /** The tensor of norm weights that scales what this one is multiplied with. */
  readonly importance?: string
}

export interface QuantizationPlan {
  readonly tensors: readonly TensorPlan[]
  readonly sourceBitsPerWeight: number
  readonly bitsPerWeight: number
  /** Of all tensors, bytes. */
  readonly bytes: number
}

/** K-quants come in blocks of so many weights of a row. */
const superBlock = 256
/** What gains less than this part of the file is not worth its loss. */
const leastGain = 0.08
/** Above it, it is no 3.5-bit file: too many of its rows have a width that has no such type. */
const mostBits = 4

/**
 * Which type each tensor gets. The mix of 3.5 bits: Q3_K, but Q4_K for what turns the last state into words, and for
 * keys and values where few heads share them, which are small and matter much.
 * @throws SiloError quantize_no_gain
 */
export function planQuantization(
  header: Pick<GgufHeader, 'tensors'>,
  preset: QuantizationPreset,
  model: string,
): QuantizationPlan {
  const names = new Set(header.tensors.map(({ name }) => name))
  const layers = new Set([...names].map((name) => layerOf(name))).size - 1
  const tensors = header.tensors.map((tensor): TensorPlan => {
    const to = keeps(tensor) ? tensor.type : typeOf(tensor, { preset, names, layers })
    const norm = preset === '3.5-bit' && to !== tensor.type ? normBefore(tensor.name) : undefined
    const importance = norm !== undefined && names.has(norm) ? norm : undefined
    return { ...tensor, to, ...(importance === undefined ? {} : { importance }) }
  })
  const weights = sum(tensors.map(({ dimensions }) => product(dimensions)))
  const before = sum(tensors.map(({ dimensions, type }) => bytesOf(dimensions, type, model)))
  const bytes = sum(tensors.map(({ dimensions, to }) => bytesOf(dimensions, to, model)))
  const bitsPerWeight = (8 * bytes) / weights
  const tooMany = preset === '3.5-bit' && bitsPerWeight > mostBits
  if (tooMany || (preset === '3.5-bit' && bytes > before * (1 - leastGain)))
    throw new SiloError('quantize_no_gain', { params: { model, bits: bitsPerWeight.toFixed(1) } })
  return { tensors, sourceBitsPerWeight: (8 * before) / weights, bitsPerWeight, bytes }
}

interface Surroundings {
  readonly preset: QuantizationPreset
  readonly names: ReadonlySet<string>
  readonly layers: number
}

function typeOf(tensor: GgufTensor, around: Surroundings): number {
  const width = tensor.dimensions[0]!
  const wanted = width % superBlock === 0 ? wantedType(tensor, around) : tensorTypes.Q4_0
  const [is, will] = [tensor.type, wanted].map((type) => tensorBytes(tensor.dimensions, type))
  // Nothing becomes better by more bits than it had.
  return is === undefined || will === undefined || will >= is ? tensor.type : wanted
}

function wantedType({ name, dimensions }: GgufTensor, around: Surroundings): number {
  const { preset, names, layers } = around
  const { Q3_K, Q4_K, Q6_K } = tensorTypes
  // Where the words going in are those coming out, one tensor is both.
  const isOutput = name === 'output.weight' || (name === 'token_embd.weight' && !names.has('output.weight')) // prettier-ignore
  if (preset === '3.5-bit') {
    const [width = 0, rows = 0] = dimensions
    const isShared = /attn_[kv]\.weight$/.test(name) && rows * 2 <= width
    return isOutput || isShared ? Q4_K : Q3_K
  }
  if (isOutput) return Q6_K
  if (preset === 'Q3_K_S') return Q3_K
  return /(attn_v|ffn_down)\.weight$/.test(name) && takesMore(layerOf(name), layers) ? Q6_K : Q4_K
}

/** llama.cpp's `use_more_bits`: the first and the last eighth of the layers, and every third between. */
function takesMore(layer: number, layers: number): boolean {
  const eighth = Math.floor(layers / 8)
  return layer < eighth || layer >= 7 * eighth || (layer - eighth) % 3 === 2
}

/** Norms, biases, tables of positions and what chooses experts are small, and stay as they are. */
function keeps({ name, dimensions }: GgufTensor): boolean {
  return dimensions.length < 2 || !name.endsWith('.weight') || /norm|rope|position|token_types|gate_inp|ssm_/.test(name) // prettier-ignore
}

function normBefore(name: string): string | undefined {
  if (name === 'output.weight') return 'output_norm.weight'
  const [, block, part] = /^(blk\.\d+)\.(attn_(?:q|k|v|qkv)|ffn_(?:gate|up))(?:_exps)?\.weight$/.exec(name) ?? [] // prettier-ignore
  if (block === undefined || part === undefined) return undefined
  return `${block}.${part.startsWith('attn') ? 'attn_norm' : 'ffn_norm'}.weight`
}

function layerOf(name: string): number {
  return Number(/^blk\.(\d+)\./.exec(name)?.[1] ?? -1)
}

function bytesOf(dimensions: readonly number[], type: number, model: string): number {
  const bytes = tensorBytes(dimensions, type)
  if (bytes === undefined) throw new SiloError('quantize_no_gain', { params: { model, bits: '?' } })
  return bytes
}

function product(values: readonly number[]): number {
  return values.reduce((all, value) => all * value, 1)
}

function sum(values: readonly number[]): number {
  return values.reduce((all, value) => all + value, 0)
}
