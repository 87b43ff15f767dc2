import { open } from 'node:fs/promises'
import type { GgufHeader, GgufTensor } from '#companion/formats/gguf.ts'
import { SiloError } from '#shared/errors/silo-error.ts'
import { tensorBlocks, type InferflowFacts } from './model-facts.ts'

export interface ModelCopyInit {
  readonly source: string
  readonly target: string
  readonly header: GgufHeader
  readonly facts: InferflowFacts
  /** Every token, as the source has it. */
  readonly pieces: readonly string[]
  readonly signal: AbortSignal
}

const chunkBytes = 4 * 1024 * 1024
const unsigned = 4
const text = 8
const array = 9

/**
 * Writes the model as Inferflow reads it: it takes the numbers of heads and of heads of keys for each other, writes
 * tokens as the file has them (GPT-2's characters for bytes would appear in answers), wants the output's tensor to be
 * there even where it is that of the embeddings, and reads tensors one after the other without gaps. The weights stay
 * as they are.
 * @throws SiloError model_load_failed, disk_full; the signal's reason
 */
export async function writeModelCopy(init: ModelCopyInit): Promise<void> {
  const { source, target, header, facts, pieces, signal } = init
  const tensors = [...header.tensors]
  const embeddings = tensors.find(({ name }) => name === 'token_embd.weight')
  if (embeddings && !tensors.some(({ name }) => name === 'output.weight'))
    tensors.push({ ...embeddings, name: 'output.weight' })
  const [from, to] = await Promise.all([open(source, 'r'), open(target, 'w', 0o600)])
  try {
    await to.write(headerBytes(facts, pieces, tensors))
    for (const tensor of tensors) {
      const start = header.dataStart + tensor.offset
      const end = start + bytesOf(tensor)
      for (let at = start; at < end; at += chunkBytes) {
        signal.throwIfAborted()
        const chunk = Buffer.alloc(Math.min(chunkBytes, end - at))
        const { bytesRead } = await from.read(chunk, 0, chunk.length, at)
        if (bytesRead < chunk.length) throw new Error('the model became shorter')
        await to.write(chunk)
      }
    }
    await to.sync()
  } catch (cause) {
    signal.throwIfAborted()
    if ((cause as NodeJS.ErrnoException).code === 'ENOSPC') throw new SiloError('disk_full', { params: { needed: header.fileSize }, cause }) // prettier-ignore
    throw new SiloError('model_load_failed', { params: { model: source }, cause })
  } finally {
    await Promise.all([from.close(), to.close()])
  }
}

function bytesOf({ type, dimensions }: GgufTensor): number {
  const [bytes, values] = tensorBlocks.get(type) ?? [0, 1]
  return (dimensions.reduce((product, size) => product * size, 1) / values) * bytes
}

function headerBytes(
  facts: InferflowFacts,
  pieces: readonly string[],
  tensors: readonly GgufTensor[],
): Buffer {
  const numbers: Record<string, number> = {
    'llama.context_length': facts.contextLength,
    'llama.embedding_length': facts.width,
    'llama.feed_forward_length': facts.feedForward,
    'llama.block_count': facts.layers,
    // Not a mistake: Inferflow's reader has them so.
    'llama.attention.head_count': facts.keyValueHeads,
    'llama.attention.head_count_kv': facts.heads,
  }
  const entries = [
    [string('general.architecture'), u32(text), string('llama')],
    ...Object.entries(numbers).map(([key, value]) => [string(key), u32(unsigned), u32(value)]),
    [
      string('tokenizer.ggml.tokens'),
      u32(array),
      u32(text),
      u64(pieces.length),
      ...pieces.map((piece) => string(facts.byteLevel ? bytesOfPiece(piece) : piece)),
    ],
  ]
  let offset = 0
  const infos = tensors.flatMap((tensor) => {
    const { name, dimensions, type } = tensor
    const info = [string(name), u32(dimensions.length), ...dimensions.map(u64), u32(type), u64(offset)] // prettier-ignore
    offset += bytesOf(tensor)
    return info
  })
  const version = 3
  const parts = [Buffer.from('GGUF'), u32(version), u64(tensors.length), u64(entries.length)]
  const header = Buffer.concat([...parts, ...entries.flat(), ...infos])
  return Buffer.concat([header, Buffer.alloc((32 - (header.length % 32)) % 32)])
}

/** The bytes a token of a byte-level vocabulary stands for; a token that is no such thing is its own text. */
function bytesOfPiece(piece: string): string | Buffer {
  const bytes = Array.from(piece, (character) => byteOf.get(character))
  return bytes.includes(undefined) ? piece : Buffer.from(bytes as number[])
}

/** GPT-2's alphabet: printable bytes are themselves, the others are the characters from U+0100 on. */
const byteOf: ReadonlyMap<string, number> = new Map(alphabet())

function* alphabet(): Generator<[character: string, byte: number]> {
  let next = 0x100
  for (let byte = 0; byte < 256; byte++) {
    const printable = (byte > 0x20 && byte < 0x7f) || (byte > 0xa0 && byte !== 0xad)
    yield [String.fromCodePoint(printable ? byte : next++), byte]
  }
}

function string(value: string | Buffer): Buffer {
  const bytes = typeof value === 'string' ? Buffer.from(value) : value
  return Buffer.concat([u64(bytes.length), bytes])
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(value)
  return bytes
}

function u64(value: number): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64LE(BigInt(value))
  return bytes
}
