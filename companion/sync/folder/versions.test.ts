import { expect, test } from 'vitest'
import {
  compareVersions,
  decodeVersion,
  encodeVersion,
  mergeVersions,
  newestOf,
  nextVersion,
  winsConflict,
  type Version,
} from './versions.ts'

const v = (...pairs: [number, number][]): Version =>
  pairs.map(([id, value]) => ({ id: BigInt(id), value: BigInt(value) }))

// The cases of Syncthing's own vector_test.go.
test.for([
  [v(), v(), 'equal'],
  [v([42, 33]), v([42, 33]), 'equal'],
  [v(), v([42, 0]), 'equal'],
  [v([42, 1]), v(), 'newer'],
  [v([42, 1]), v([42, 0]), 'newer'],
  [v([42, 2]), v([42, 1]), 'newer'],
  [v([22, 22], [42, 2]), v([22, 22], [42, 1]), 'newer'],
  [v([22, 22], [42, 2]), v([22, 23], [42, 3]), 'older'],
  [v([42, 1]), v([77, 1]), 'concurrent-greater'],
  [v([22, 21]), v([22, 20], [42, 1]), 'concurrent-greater'],
  [v([22, 21], [42, 1]), v([22, 20], [43, 1]), 'concurrent-greater'],
  [v([22, 20], [42, 1]), v([22, 21]), 'concurrent-lesser'],
] as const)('two versions compared as Syncthing does, case %#', ([a, b, standing]) => {
  expect(compareVersions(a, b)).toBe(standing)
})

test('a version reads back as it was written, sorted and without zeros', () => {
  const version = mergeVersions(v([9, 1], [3, 0]), [{ id: 2n ** 64n - 1n, value: 2n ** 63n }])
  expect(decodeVersion(encodeVersion(version))).toEqual(version)
  expect(version.map(({ id }) => id)).toEqual([9n, 2n ** 64n - 1n])
})

test('the next version is newer, also where the clock went back', () => {
  const before = nextVersion(v([1, 5]), 2n, 2_000_000)
  expect(before).toEqual(v([1, 5], [2, 2000]))
  const after = nextVersion(before, 2n, 1_000_000)
  expect(compareVersions(after, before)).toBe('newer')
  expect(after).toEqual(v([1, 5], [2, 2001]))
})

const contender = (version: Version, modifiedS: number, deleted = false) => ({
  version,
  modifiedS,
  modifiedNs: 0,
  deleted,
})

test('a change wins over a deletion, then the later one, then the counters decide', () => {
  expect(winsConflict(contender(v([1, 1]), 1), contender(v([2, 1]), 9, true))).toBe(true)
  expect(winsConflict(contender(v([1, 1]), 1), contender(v([2, 1]), 9))).toBe(false)
  const tie = [contender(v([1, 1]), 5), contender(v([2, 1]), 5)] as const
  expect(winsConflict(...tie)).not.toBe(winsConflict(tie[1], tie[0]))
})

test('the newest is the same whatever order they are heard in, also where they go in a circle', () => {
  // b supersedes a, a wins over c by time, c wins over b by time.
  const a = contender(v([1, 1]), 30)
  const b = contender(v([1, 2]), 10)
  const c = contender(v([2, 1]), 20)
  for (const order of [
    [a, b, c],
    [c, b, a],
    [b, c, a],
    [a, c, b],
  ])
    expect(newestOf(order)).toBe(c)
})
