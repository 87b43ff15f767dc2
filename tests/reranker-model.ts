import { readFileSync, writeFileSync } from 'node:fs'

const alignment = 32
const width = 384
const rankPooling = 4

/**
 * Makes a ranking model out of the embedding model: the same encoder with a classification head of fixed numbers. It
 * runs the whole way a real reranker does; what it prefers means nothing. No package brings a real one.
 */
export function writeRankingModel(source: string, destination: string): void {
  const file = readFileSync(source)
  const tensors = Number(file.readBigUInt64LE(8))
  const entries = Number(file.readBigUInt64LE(16))
  let at = 24
  const text = (): string => {
    const length = Number(file.readBigUInt64LE(at))
    at += 8 + length
    return file.toString('latin1', at - length, at)
  }
  const skip = (type: number): void => {
    const sizes: Record<number, number> = { 0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8 } // prettier-ignore
    if (type === 8) text()
    else if (type === 9) {
      const of = file.readUInt32LE(at)
      const count = Number(file.readBigUInt64LE(at + 4))
      at += 12
      for (let n = 0; n < count; n++) skip(of)
    } else at += sizes[type]!
  }
  for (let n = 0; n < entries; n++) {
    const key = text()
    const type = file.readUInt32LE(at)
    at += 4
    if (key === 'bert.pooling_type') file.writeUInt32LE(rankPooling, at)
    skip(type)
  }
  for (let n = 0; n < tensors; n++) {
    text()
    at += 4 + 8 * file.readUInt32LE(at) + 4 + 8
  }
  const infosEnd = at
  const data = file.subarray(pad(infosEnd))

  const head = [
    { name: 'cls.weight', dimensions: [width, width] },
    { name: 'cls.bias', dimensions: [width] },
    { name: 'cls.output.weight', dimensions: [width, 1] },
    { name: 'cls.output.bias', dimensions: [1] },
  ].map(({ name, dimensions }, seed) => {
    const count = dimensions.reduce((product, size) => product * size, 1)
    return { name, dimensions, values: Float32Array.from({ length: count }, (_, i) => Math.sin(i * 12.9898 + seed) * 0.2) } // prettier-ignore
  })
  const infos: Buffer[] = []
  const bodies: Buffer[] = []
  let offset = pad(data.length)
  for (const { name, dimensions, values } of head) {
    const info = Buffer.alloc(8 + name.length + 4 + 8 * dimensions.length + 12)
    let to = info.writeBigUInt64LE(BigInt(name.length), 0)
    to += info.write(name, to, 'latin1')
    to = info.writeUInt32LE(dimensions.length, to)
    for (const size of dimensions) to = info.writeBigUInt64LE(BigInt(size), to)
    to = info.writeUInt32LE(0, to)
    info.writeBigUInt64LE(BigInt(offset), to)
    infos.push(info)
    const body = Buffer.alloc(pad(values.byteLength))
    Buffer.from(values.buffer).copy(body)
    bodies.push(body)
    offset += body.length
  }
  file.writeBigUInt64LE(BigInt(tensors + head.length), 8)
  const front = Buffer.concat([file.subarray(0, infosEnd), ...infos])
  const fill = (length: number): Buffer => Buffer.alloc(pad(length) - length)
  writeFileSync(destination, Buffer.concat([front, fill(front.length), data, fill(data.length), ...bodies])) // prettier-ignore
}

function pad(length: number): number {
  return Math.ceil(length / alignment) * alignment
}
