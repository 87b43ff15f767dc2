import type { GgufHeader } from '#companion/formats/gguf.ts'
import { SiloError } from '#shared/errors/silo-error.ts'

/** What Inferflow must know of a model, all of it from the header of its file. */
export interface InferflowFacts {
  readonly layers: number
  readonly width: number
  readonly feedForward: number
  readonly heads: number
  readonly keyValueHeads: number
  readonly contextLength: number
  /** Tokens in the vocabulary. */
  readonly vocabulary: number
  readonly ropeBase: number
  /** Tokens are bytes written as characters (GPT-2's way), not text. */
  readonly byteLevel: boolean
}

/** F32, F16, Q4_1, Q5_1, Q8_0: bytes and values of a block. It reads no others. */
export const tensorBlocks: ReadonlyMap<number, readonly [bytes: number, values: number]> = new Map([
  [0, [4, 1]],
  [1, [2, 1]],
  [3, [20, 32]],
  [7, [24, 32]],
  [8, [34, 32]],
])

const layerTensors = /^blk\.\d+\.(attn_norm|attn_q|attn_k|attn_v|attn_output|ffn_norm|ffn_gate|ffn_down|ffn_up)\.weight$/ // prettier-ignore
const otherTensors = new Set(['token_embd.weight', 'output_norm.weight', 'output.weight'])
/** What its computation on the processor has for one step, bytes; beyond it the program aborts. */
const arenaBytes = 2 * 1024 ** 3
const arenaUsed = 0.9
const floatBytes = 4

/**
 * A model of the Llama family (Llama 2, Mistral, TinyLlama, SmolLM, …) in tensors that Inferflow reads. What it would
 * silently compute wrongly (biases, experts, stretched positions, heads of another width) is refused.
 * @throws SiloError model_load_failed
 */
export function inferflowFacts(header: GgufHeader, model: string): InferflowFacts {
  const refuse = (why: string): never => {
    throw new SiloError('model_load_failed', { params: { model }, cause: new Error(`Inferflow: ${why}`) }) // prettier-ignore
  }
  const { metadata, tensors } = header
  const architecture = metadata.get('general.architecture')
  if (architecture !== 'llama') refuse(`architecture ${String(architecture)}`)
  const number = (key: string): number | undefined => {
    const value = metadata.get(`llama.${key}`)
    return typeof value === 'number' && value > 0 ? value : undefined
  }
  const needed = (key: string): number => number(key) ?? refuse(`no ${key}`)
  for (const { name, type, dimensions } of tensors) {
    if (!layerTensors.test(name) && !otherTensors.has(name)) refuse(`tensor ${name}`)
    if (!tensorBlocks.has(type)) refuse(`tensor ${name} of type ${type}`)
    if (dimensions.length > 2) refuse(`tensor ${name} of ${dimensions.length} dimensions`)
  }
  const heads = needed('attention.head_count')
  const width = needed('embedding_length')
  for (const key of ['attention.key_length', 'attention.value_length', 'rope.dimension_count'])
    if ((number(key) ?? width / heads) !== width / heads) refuse(key)
  if ((metadata.get('llama.rope.scaling.type') ?? 'none') !== 'none') refuse('rope.scaling')
  const embeddings = tensors.find(({ name }) => name === 'token_embd.weight')
  return {
    layers: needed('block_count'),
    width,
    feedForward: needed('feed_forward_length'),
    heads,
    keyValueHeads: number('attention.head_count_kv') ?? heads,
    contextLength: needed('context_length'),
    vocabulary: embeddings?.dimensions[1] ?? refuse('no token_embd.weight'),
    ropeBase: number('rope.freq_base') ?? 10_000,
    byteLevel: metadata.get('tokenizer.ggml.model') === 'gpt2',
  }
}

/**
 * The longest prompt that its computation on the processor has memory for: it reads a prompt in one step, and keeps
 * every tensor of every layer until the step ends.
 */
export function processorContext(facts: InferflowFacts): number {
  const { layers, width, feedForward, heads, keyValueHeads, vocabulary } = facts
  const keys = (width / heads) * keyValueHeads
  // Per token and layer: norms, projections, copies and sums; per pair of tokens: scores, and those scaled.
  const linear = layers * (22 * width + 4 * feedForward + 4 * keys) + vocabulary + width
  const square = layers * 2 * heads
  const most = (arenaBytes * arenaUsed) / floatBytes
  return Math.floor((Math.sqrt(linear ** 2 + 4 * square * most) - linear) / (2 * square))
}
