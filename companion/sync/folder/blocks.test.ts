import { expect, test } from 'vitest'
import { blockSizeFor, packBlocks, unpackBlocks } from './block-list.ts'
import { isDatasetScrap, isManifest, manifestOrder, manifestVersion } from './dataset-order.ts'

const mib = 1024 * 1024

test.for([
  [0, mib / 8],
  [250 * mib - 1, mib / 8],
  [250 * mib, mib / 4],
  [500 * mib, mib / 2],
  [1000 * mib, mib],
  [2000 * mib, 2 * mib],
  [16_000 * mib, 16 * mib],
  [1_000_000 * mib, 16 * mib],
] as const)('a file of %i bytes has blocks of %i, as in Syncthing', ([size, block]) => {
  expect(blockSizeFor(size)).toBe(block)
})

test('a file that grew a little keeps the size of its blocks', () => {
  expect(blockSizeFor(260 * mib, mib / 8)).toBe(mib / 8)
  expect(blockSizeFor(2000 * mib, mib / 8)).toBe(2 * mib)
  expect(blockSizeFor(260 * mib, 12_345)).toBe(mib / 4)
})

test('blocks on the wire and packed are the same', () => {
  const hashes = new Uint8Array(3 * 32).map((_, i) => i)
  const size = 2 * 131_072 + 5
  const blocks = unpackBlocks(hashes, size, 131_072)
  expect(blocks.map((block) => block.size)).toEqual([131_072, 131_072, 5])
  expect(packBlocks(blocks, size, 131_072)).toEqual(hashes)
  expect(packBlocks(blocks.slice(1), size, 131_072)).toBeUndefined()
  expect(packBlocks(unpackBlocks(new Uint8Array(), 0, 131_072), 0, 131_072)).toEqual(
    new Uint8Array(),
  )
})

test('manifests are known by their place and put in order by their version, newest first', () => {
  expect(isManifest('t.lance/_versions/18446744073709551614.manifest')).toBe(true)
  expect(isManifest('t.lance/data/1.manifest')).toBe(false)
  expect(manifestVersion('t.lance/_versions/18446744073709551614.manifest')).toBe(1n)
  expect(manifestVersion('t.lance/_versions/7.manifest')).toBe(7n)
  const names = [14, 12, 13].map((n) => `t/_versions/184467440737095516${n}.manifest`)
  expect(manifestOrder(names).map((name) => manifestVersion(name))).toEqual([3n, 2n, 1n])
  expect(isDatasetScrap('t.lance/_versions/1.manifest#1')).toBe(true)
  expect(isDatasetScrap('t.lance/data/x.lance')).toBe(false)
})
