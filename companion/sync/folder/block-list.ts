import { createHash } from 'node:crypto'
import { maxBlockBytes, type BlockInfo } from '#companion/sync/bep-peer.ts'

export const minBlockBytes = 128 * 1024
export const hashBytes = 32
/** A file has about 1000 to 2000 blocks, as in Syncthing, where blocks may still grow. */
const wantedBlocks = 2000

/** Bytes of a block in a file of `size` bytes. A file that grew a little keeps the size it had, so its blocks still match. */
export function blockSizeFor(size: number, before?: number): number {
  let block = minBlockBytes
  while (block < maxBlockBytes && size >= wantedBlocks * block) block *= 2
  if (before && isBlockSize(before) && (block === before * 2 || before === block * 2)) return before
  return block
}

export function isBlockSize(size: number): boolean {
  return size >= minBlockBytes && size <= maxBlockBytes && Number.isInteger(Math.log2(size))
}

export function blockCount(size: number, blockSize: number): number {
  return Math.ceil(size / blockSize)
}

/** Bytes of block `index`; only the last is shorter. */
export function sizeOfBlock(index: number, size: number, blockSize: number): number {
  return Math.min(blockSize, size - index * blockSize)
}

export function hashOfBlock(hashes: Uint8Array, index: number): Uint8Array {
  return hashes.subarray(index * hashBytes, (index + 1) * hashBytes)
}

/** The hashes one after another; undefined where the blocks are not a gapless run of `size` bytes. */
export function packBlocks(
  blocks: readonly BlockInfo[],
  size: number,
  blockSize: number,
): Uint8Array | undefined {
  if (blocks.length === 1 && size === 0 && blocks[0]!.size === 0) return new Uint8Array(0)
  if (blocks.length !== blockCount(size, blockSize)) return undefined
  const packed = new Uint8Array(blocks.length * hashBytes)
  for (let i = 0; i < blocks.length; i++) {
    const block = blocks[i]!
    if (block.offset !== i * blockSize || block.size !== sizeOfBlock(i, size, blockSize))
      return undefined
    if (block.hash.length !== hashBytes) return undefined
    packed.set(block.hash, i * hashBytes)
  }
  return packed
}

const emptyHash = createHash('sha256').digest()

export function unpackBlocks(hashes: Uint8Array, size: number, blockSize: number): BlockInfo[] {
  // An empty file has one empty block on the wire.
  if (size === 0) return [{ offset: 0, size: 0, hash: emptyHash }]
  return Array.from({ length: blockCount(size, blockSize) }, (_, i) => ({
    offset: i * blockSize,
    size: sizeOfBlock(i, size, blockSize),
    hash: hashOfBlock(hashes, i),
  }))
}

/** One hash for the content, as Syncthing's blocks hash: over all blocks' hashes. */
export function contentHash(hashes: Uint8Array, size: number): Uint8Array {
  return createHash('sha256')
    .update(size === 0 ? emptyHash : hashes)
    .digest()
}

export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && Buffer.compare(a, b) === 0
}
