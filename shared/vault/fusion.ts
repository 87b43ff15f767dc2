/** Reciprocal rank fusion's constant; 60 as in Cormack, Clarke and Büttcher 2009. */
const k = 60

export interface Fused<T> {
  readonly item: T
  readonly score: number
  /** 1-based rank in each list, where found. */
  readonly ranks: readonly (number | undefined)[]
}

/** Merges ranked lists; what is high in several comes first. `weights` says how much each list counts, 1 where absent. */
export function fuse<T>(
  lists: readonly (readonly T[])[],
  keyOf: (item: T) => unknown,
  weights: readonly number[] = [],
): Fused<T>[] {
  const found = new Map<unknown, { item: T; score: number; ranks: (number | undefined)[] }>()
  for (const [list, items] of lists.entries()) {
    for (const [index, item] of items.entries()) {
      const key = keyOf(item)
      const entry = found.get(key) ?? { item, score: 0, ranks: lists.map(() => undefined) }
      if (entry.ranks[list] !== undefined) continue
      entry.score += (weights[list] ?? 1) / (k + index + 1)
      entry.ranks[list] = index + 1
      found.set(key, entry)
    }
  }
  return [...found.values()].sort((a, b) => b.score - a.score)
}
