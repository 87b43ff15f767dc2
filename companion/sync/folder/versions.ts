import type { VersionCounter } from '#companion/sync/bep-peer.ts'

/**
 * A version vector as Syncthing's: counters by device, ascending by id, none of them 0. Kept and compared as bytes of
 * 16 a counter (id, value; big endian), so that equal versions are equal blobs.
 */
export type Version = readonly VersionCounter[]

/** How two versions stand. `concurrent…`: neither knows of the other; the ending is the protocol's tie-break. */
export type Standing = 'equal' | 'newer' | 'older' | 'concurrent-greater' | 'concurrent-lesser'

export const maxCounters = 512

/** Sorted, without zeros; the higher of doubled counters. */
export function normalVersion(counters: Version): Version {
  let sorted = true
  for (let i = 0; i < counters.length; i++)
    if (counters[i]!.value === 0n || (i > 0 && counters[i - 1]!.id >= counters[i]!.id))
      sorted = false
  if (sorted) return counters
  const highest = new Map<bigint, bigint>()
  for (const { id, value } of counters) if (value > (highest.get(id) ?? 0n)) highest.set(id, value)
  return [...highest]
    .map(([id, value]) => ({ id, value }))
    .toSorted((a, b) => (a.id < b.id ? -1 : 1))
}

export function encodeVersion(version: Version): Uint8Array {
  const bytes = Buffer.allocUnsafe(version.length * 16)
  version.forEach(({ id, value }, i) => {
    bytes.writeBigUInt64BE(id, i * 16)
    bytes.writeBigUInt64BE(value, i * 16 + 8)
  })
  return bytes
}

export function decodeVersion(bytes: Uint8Array): Version {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const version: VersionCounter[] = []
  for (let at = 0; at + 16 <= view.length; at += 16)
    version.push({ id: view.readBigUInt64BE(at), value: view.readBigUInt64BE(at + 8) })
  return version
}

export function compareVersions(a: Version, b: Version): Standing {
  let standing: 'equal' | 'newer' | 'older' = 'equal'
  let i = 0
  let j = 0
  while (i < a.length || j < b.length) {
    const left = a[i]
    const right = b[j]
    let ours = 0n
    let theirs = 0n
    if (left && (!right || left.id <= right.id)) {
      ours = left.value
      i++
    }
    if (right && (!left || right.id <= left.id)) {
      theirs = right.value
      j++
    }
    if (ours > theirs) {
      if (standing === 'older') return 'concurrent-lesser'
      standing = 'newer'
    } else if (ours < theirs) {
      if (standing === 'newer') return 'concurrent-greater'
      standing = 'older'
    }
  }
  return standing
}

export function covers(a: Version, b: Version): boolean {
  const standing = compareVersions(a, b)
  return standing === 'equal' || standing === 'newer'
}

export function isConcurrent(a: Version, b: Version): boolean {
  return compareVersions(a, b).startsWith('concurrent')
}

export function mergeVersions(a: Version, b: Version): Version {
  return normalVersion([...a, ...b])
}

/** The next version after a change by `device`. Grows even where the clock went back. */
export function nextVersion(version: Version, device: bigint, now = Date.now()): Version {
  const before = version.find(({ id }) => id === device)?.value ?? 0n
  const seconds = BigInt(Math.max(1, Math.floor(now / 1000)))
  const value = before + 1n > seconds ? before + 1n : seconds
  return normalVersion([...version.filter(({ id }) => id !== device), { id: device, value }])
}

/** What decides between two concurrent versions of a file, the same way on every device. */
export interface Contender {
  readonly version: Version
  readonly deleted: boolean
  readonly modifiedS: number
  readonly modifiedNs: number
}

/** A change wins over a deletion, then the later modification, then the protocol's order of counters. */
export function winsConflict(a: Contender, b: Contender): boolean {
  if (a.deleted !== b.deleted) return b.deleted
  if (a.modifiedS !== b.modifiedS) return a.modifiedS > b.modifiedS
  if (a.modifiedNs !== b.modifiedNs) return a.modifiedNs > b.modifiedNs
  return compareVersions(a.version, b.version) === 'concurrent-greater'
}

/**
 * The version all devices agree on: of those that no other version supersedes, the one that wins every conflict.
 * Pairwise folding would not do: supersession and modification times together can go in a circle.
 */
export function newestOf<T extends Contender>(contenders: readonly T[]): T | undefined {
  let best: T | undefined
  for (const one of contenders) {
    if (one === best) continue
    if (contenders.some((other) => compareVersions(other.version, one.version) === 'newer'))
      continue
    if (!best || (isConcurrent(one.version, best.version) && winsConflict(one, best))) best = one
  }
  return best
}
