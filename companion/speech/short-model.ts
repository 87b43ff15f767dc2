import { open, mkdir, rename, rm, stat, type FileHandle } from 'node:fs/promises'
import { basename, join } from 'node:path'

/** Positions of sound the short form listens to, 50 a second: 10.24 s. */
const positions = 512
/** Longest utterance for the short form, in seconds: Whisper wants to hear the end of it. */
export const shortSeconds = 9

const magic = 0x67_67_6d_6c
const contextAt = 8
const name = 'encoder.positional_embedding'
const searched = 4 * 1024 * 1024

/**
 * The same model for short utterances. Whisper always listens to 30 seconds, and most of the time goes into
 * that; told that it hears ten, it takes a third of the time for the same words. The binding has no setting for
 * this, so the file says it: one number, and the table of positions cut to match. Made anew where it is not
 * younger than its source.
 * @throws the file system's error, RangeError for a file that is not of this form
 */
export async function shortModel(source: string, directory: string): Promise<string> {
  const target = join(directory, `${basename(source, '.bin')}-${positions}.bin`)
  const [from, made] = await Promise.all([stat(source), stat(target).catch(() => undefined)])
  if (made && made.mtimeMs >= from.mtimeMs) return target
  await mkdir(directory, { recursive: true })
  const temporary = `${target}.part`
  const input = await open(source)
  try {
    const output = await open(temporary, 'w')
    try {
      await rewrite(input, from.size, output)
    } finally {
      await output.close()
    }
    await rename(temporary, target)
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  } finally {
    await input.close()
  }
  return target
}

async function rewrite(input: FileHandle, size: number, output: FileHandle): Promise<void> {
  const head = Buffer.alloc(Math.min(size, searched))
  await input.read(head, 0, head.length, 0)
  if (head.length < 48 || head.readInt32LE(0) !== magic) throw new RangeError('not a ggml model')
  const whole = head.readInt32LE(contextAt)
  head.writeInt32LE(positions, contextAt)
  await output.write(head.subarray(0, 48))
  // Upstream's files may have their tensors in any order.
  let from = 48
  const at = await find(input, size, Buffer.from(name))
  // Before the name: dimensions, length of the name, type, width, positions.
  const fields = Buffer.alloc(20)
  await input.read(fields, 0, 20, at - 20)
  const width = fields.readInt32LE(12)
  if (fields.readInt32LE(16) !== whole || whole < positions)
    throw new RangeError('unusual positions')
  await copy(input, output, from, at - 4)
  const cut = Buffer.alloc(4)
  cut.writeInt32LE(positions)
  await output.write(cut)
  const data = at + name.length
  await copy(input, output, at, data + positions * width * 4)
  from = data + whole * width * 4
  await copy(input, output, from, size)
}

async function find(input: FileHandle, size: number, wanted: Buffer): Promise<number> {
  const block = Buffer.alloc(searched)
  for (let at = 0; at < size; at += searched - wanted.length) {
    const { bytesRead } = await input.read(block, 0, searched, at)
    const found = block.subarray(0, bytesRead).indexOf(wanted)
    if (found >= 0) return at + found
  }
  throw new RangeError('no positions')
}

async function copy(
  input: FileHandle,
  output: FileHandle,
  from: number,
  to: number,
): Promise<void> {
  const block = Buffer.alloc(searched)
  for (let at = from; at < to;) {
    const { bytesRead } = await input.read(block, 0, Math.min(searched, to - at), at)
    if (bytesRead === 0) throw new RangeError('the model is cut off')
    await output.write(block.subarray(0, bytesRead))
    at += bytesRead
  }
}
