import { createWriteStream } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { SiloError } from '#shared/errors/silo-error.ts'
import { ct2Types, readCt2Model, type Ct2Model } from './ct2-model.ts'
import { melBins, melFilters } from './mel-filters.ts'

const magic = 0x67_67_6d_6c
const f32 = 0
const f16 = 1
const melCount = 80
/** Tokens of text; the special ones after them are known to whisper.cpp by number. */
const textTokens = 50_257

/**
 * Rewrites a multilingual Whisper from CTranslate2's `model.bin` (float16) and `vocabulary.txt` as the ggml
 * file that whisper.cpp reads. Values are those of upstream's own file, in the order a fresh model lists them;
 * the result has one known sha256.
 * @throws SiloError model_corrupt, or the stream's error (ENOSPC, …)
 */
export async function convertWhisperToGgml(
  model: string,
  vocabulary: string,
  destination: string,
): Promise<void> {
  let parts: Buffer[]
  try {
    const source = await readCt2Model(model)
    const tokens = (await readFile(vocabulary, 'utf8')).split('\n').slice(0, textTokens)
    if (tokens.length !== textTokens) throw new RangeError('the vocabulary is cut off')
    const tensors = new TensorList(source)
    addEncoder(tensors)
    addDecoder(tensors)
    parts = [header(tensors), Buffer.from(melFilters(melCount).buffer), vocabularyPart(tokens)]
    parts.push(...tensors.parts)
  } catch (cause) {
    throw new SiloError('model_corrupt', { params: { model: 'Whisper' }, cause })
  }
  await pipeline(Readable.from(parts), createWriteStream(destination))
}

/** Collects tensors as they stand in a ggml file. */
class TensorList {
  readonly parts: Buffer[] = []
  readonly #source: Ct2Model

  constructor(source: Ct2Model) {
    if (source.spec !== 'WhisperSpec') throw new RangeError(`${source.spec} is not Whisper`)
    this.#source = source
  }

  /** Length of a dimension of a source variable. */
  length(from: string, dimension: number): number {
    return this.#variable(from).shape[dimension]!
  }

  /** How many layers one half of the model has. */
  layers(half: string): number {
    let count = 0
    while (this.#source.variables.has(`${half}/layer_${count}/ffn/linear_0/weight`)) count++
    return count
  }

  heads(half: string): number {
    const heads = this.#source.variables.get(`${half}/num_heads`)
    if (!heads) throw new RangeError(`no ${half}/num_heads`)
    return heads.bytes.readInt16LE()
  }

  /** Adds rows of a source variable, all of them unless `share` says which of several equal shares. */
  add(
    name: string,
    from: string,
    form: {
      type?: typeof f32 | typeof f16
      column?: boolean
      share?: readonly [number, number]
    } = {},
  ): void {
    const { shape, bytes } = this.#variable(from)
    const [index, of] = form.share ?? [0, 1]
    const size = bytes.length / of
    const data = bytes.subarray(index * size, (index + 1) * size)
    const dimensions = [shape[0]! / of, ...shape.slice(1), ...(form.column ? [1] : [])]
    const type = form.type ?? (shape.length < 2 ? f32 : f16)
    this.parts.push(
      int32s(dimensions.length, Buffer.byteLength(name), type, ...dimensions.toReversed()),
      Buffer.from(name),
      type === f16 ? data : widened(data),
    )
  }

  #variable(name: string) {
    const variable = this.#source.variables.get(name)
    if (variable?.type !== ct2Types.float16) throw new RangeError(`no ${name} in float16`)
    return variable
  }
}

function addEncoder(tensors: TensorList): void {
  tensors.add('encoder.positional_embedding', 'encoder/position_encodings/encodings', { type: f32 })
  for (const conv of ['conv1', 'conv2']) {
    tensors.add(`encoder.${conv}.weight`, `encoder/${conv}/weight`)
    tensors.add(`encoder.${conv}.bias`, `encoder/${conv}/bias`, { type: f32, column: true })
  }
  for (let layer = 0; layer < tensors.layers('encoder'); layer++) {
    const to = `encoder.blocks.${layer}`
    const from = `encoder/layer_${layer}`
    addSelfAttention(tensors, to, from)
    addFeedForward(tensors, to, from)
  }
  addNorm(tensors, 'encoder.ln_post', 'encoder/layer_norm')
}

function addDecoder(tensors: TensorList): void {
  tensors.add('decoder.positional_embedding', 'decoder/position_encodings/encodings', { type: f32 })
  tensors.add('decoder.token_embedding.weight', 'decoder/embeddings/weight')
  for (let layer = 0; layer < tensors.layers('decoder'); layer++) {
    const to = `decoder.blocks.${layer}`
    const from = `decoder/layer_${layer}`
    addSelfAttention(tensors, to, from)
    addLinear(tensors, `${to}.cross_attn.query`, `${from}/attention/linear_0`)
    const both = `${from}/attention/linear_1`
    tensors.add(`${to}.cross_attn.key.weight`, `${both}/weight`, { share: [0, 2] })
    addLinear(tensors, `${to}.cross_attn.value`, both, [1, 2])
    addLinear(tensors, `${to}.cross_attn.out`, `${from}/attention/linear_2`)
    addNorm(tensors, `${to}.cross_attn_ln`, `${from}/attention/layer_norm`)
    addFeedForward(tensors, to, from)
  }
  addNorm(tensors, 'decoder.ln', 'decoder/layer_norm')
}

/** CTranslate2 keeps query, key and value in one matrix; Whisper's keys have no bias. */
function addSelfAttention(tensors: TensorList, to: string, from: string): void {
  const all = `${from}/self_attention/linear_0`
  addLinear(tensors, `${to}.attn.query`, all, [0, 3])
  tensors.add(`${to}.attn.key.weight`, `${all}/weight`, { share: [1, 3] })
  addLinear(tensors, `${to}.attn.value`, all, [2, 3])
  addLinear(tensors, `${to}.attn.out`, `${from}/self_attention/linear_1`)
  addNorm(tensors, `${to}.attn_ln`, `${from}/self_attention/layer_norm`)
}

function addFeedForward(tensors: TensorList, to: string, from: string): void {
  addLinear(tensors, `${to}.mlp.0`, `${from}/ffn/linear_0`)
  addLinear(tensors, `${to}.mlp.2`, `${from}/ffn/linear_1`)
  addNorm(tensors, `${to}.mlp_ln`, `${from}/ffn/layer_norm`)
}

function addLinear(
  tensors: TensorList,
  to: string,
  from: string,
  share: readonly [number, number] = [0, 1],
): void {
  tensors.add(`${to}.weight`, `${from}/weight`, { share })
  tensors.add(`${to}.bias`, `${from}/bias`, { share })
}

function addNorm(tensors: TensorList, to: string, from: string): void {
  tensors.add(`${to}.weight`, `${from}/gamma`)
  tensors.add(`${to}.bias`, `${from}/beta`)
}

function header(tensors: TensorList): Buffer {
  const half = (name: string) => {
    const encodings = `${name}/position_encodings/encodings`
    const sizes = [tensors.length(encodings, 0), tensors.length(encodings, 1)]
    return [...sizes, tensors.heads(name), tensors.layers(name)]
  }
  return int32s(
    magic,
    tensors.length('decoder/embeddings/weight', 0),
    ...half('encoder'),
    ...half('decoder'),
    melCount,
    f16,
    melCount,
    melBins,
  )
}

function vocabularyPart(tokens: readonly string[]): Buffer {
  const bytes = byteOfCharacter()
  const parts = tokens.flatMap((token) => {
    const text = Buffer.from([...token].map((character) => bytes.get(character) ?? 0))
    return [int32s(text.length), text]
  })
  return Buffer.concat([int32s(tokens.length), ...parts])
}

/** GPT-2's vocabularies spell bytes that do not print as letters from U+0100 on. */
function byteOfCharacter(): Map<string, number> {
  let next = 0x100
  return new Map(
    Array.from({ length: 256 }, (_, byte) => [
      String.fromCodePoint(prints(byte) ? byte : next++),
      byte,
    ]),
  )
}

function prints(byte: number): boolean {
  return (byte > 0x20 && byte < 0x7f) || (byte > 0xa0 && byte !== 0xad && byte <= 0xff)
}

function int32s(...values: number[]): Buffer {
  return Buffer.from(Int32Array.from(values).buffer)
}

/** float16 → float32, which holds every value exactly. */
function widened(halves: Buffer): Buffer {
  const floats = new Float32Array(halves.length / 2)
  for (let i = 0; i < floats.length; i++) {
    const bits = halves.readUInt16LE(2 * i)
    const exponent = (bits >> 10) & 0x1f
    const fraction = bits & 0x3ff
    const size = exponent === 0 ? fraction * 2 ** -24 : (1 + fraction / 1024) * 2 ** (exponent - 15)
    floats[i] = bits & 0x8000 ? -size : size
  }
  return Buffer.from(floats.buffer)
}
