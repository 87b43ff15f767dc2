import type { Region } from '#shared/contracts/text-recognizer.ts'
import { pageRows } from '#shared/vault/page-rows.ts'

/** A number on a page, and how it may read. */
export interface Figure {
  readonly region: Region
  /** One reading where the recognisers agree, several where they do not; the likelier first. */
  readonly readings: readonly string[]
}

export interface Settled {
  readonly reading: string
  /** True where both read the same, or where only this reading adds up. */
  readonly certain: boolean
}

/** More doubtful figures than this are settled one by one instead of all together. */
const together = 10

/** `1,234.50`, `1.234,50`, `¥ 96.80`, `19%` as numbers; nothing for what is none. */
export function valueOf(text: string): number | undefined {
  let digits = text.replace(/[\s¥￥€$£%元'’]/g, '')
  if (/^[-+]?\d{1,3}(\.\d{3})+(,\d+)?$/.test(digits) || /^[-+]?\d+,\d{1,2}$/.test(digits))
    digits = digits.replaceAll('.', '').replace(',', '.')
  else digits = digits.replace(/,(?=\d{3}(?:\D|$))/g, '')
  return /^[-+]?\d+(\.\d+)?$/.test(digits) ? Number(digits) : undefined
}

/**
 * Chooses between readings by what stands around them: products in a row (quantity × price), sums of a column
 * and sums in a row. The reading with which most of these come out is taken.
 */
export function settle(figures: readonly Figure[]): Settled[] {
  const choice = figures.map(() => 0)
  const doubtful = figures.flatMap(({ readings }, index) => (readings.length > 1 ? [index] : []))
  if (doubtful.length === 0)
    return figures.map(({ readings }) => ({ reading: readings[0] ?? '', certain: true }))
  const touching = new Map<number, Relation[]>(doubtful.map((index) => [index, []]))
  for (const relation of relationsOf(figures))
    for (const index of relation.members) touching.get(index)?.push(relation)
  const value = (index: number): number | undefined =>
    valueOf(figures[index]!.readings[choice[index]!] ?? '')
  const holds = (relation: Relation): boolean => relation.holds(relation.members.map(value))
  const score = (indexes: readonly number[]) => {
    const relations = [...new Set(indexes.flatMap((index) => touching.get(index) ?? []))]
    return (): number => relations.filter(holds).length
  }

  const options = (index: number): number => figures[index]!.readings.length
  if (doubtful.length <= together) chooseTogether(doubtful, options, choice, score(doubtful))
  else
    for (let round = 0; round < 3; round++)
      for (const index of doubtful) chooseTogether([index], options, choice, score([index]))

  return figures.map(({ readings }, index) => {
    const reading = readings[choice[index]!] ?? ''
    if (readings.length < 2) return { reading, certain: true }
    const own = touching.get(index) ?? []
    const best = own.filter(holds).length
    const kept = choice[index]!
    const others = readings.flatMap((_, other) => {
      if (other === kept) return []
      choice[index] = other
      return [own.filter(holds).length]
    })
    choice[index] = kept
    return { reading, certain: best > 0 && others.every((other) => other < best) }
  })
}

/** Tries every combination; the first of the best stays. */
function chooseTogether(
  doubtful: readonly number[],
  options: (index: number) => number,
  choice: number[],
  score: () => number,
): void {
  let best = -1
  let kept: number[] = doubtful.map((index) => choice[index]!)
  const visit = (depth: number): void => {
    const index = doubtful[depth]
    if (index === undefined) {
      const now = score()
      if (now > best) {
        best = now
        kept = doubtful.map((doubt) => choice[doubt]!)
      }
      return
    }
    for (let option = 0; option < options(index); option++) {
      choice[index] = option
      visit(depth + 1)
    }
  }
  visit(0)
  for (const [at, index] of doubtful.entries()) choice[index] = kept[at]!
}

interface Relation {
  readonly members: readonly number[]
  holds(values: readonly (number | undefined)[]): boolean
}

const near = (a: number, b: number): boolean => Math.abs(a - b) < 0.011

/** Everything that could be a product or a sum, by where the figures stand. */
function relationsOf(figures: readonly Figure[]): Relation[] {
  const relations: Relation[] = []
  for (const row of rowsOf(figures))
    for (let c = 2; c < row.length; c++)
      for (let b = 1; b < c; b++)
        for (let a = 0; a < b; a++) {
          const members = [row[a]!, row[b]!, row[c]!]
          relations.push({ members, holds: ([x, y, z]) => isProduct(x, y, z) || isSum([x, y], z) })
        }
  for (const column of columnsOf(figures))
    for (let total = 2; total < column.length; total++)
      for (let first = total - 2; first >= Math.max(0, total - 60); first--) {
        const members = column.slice(first, total + 1)
        relations.push({ members, holds: (values) => isSum(values.slice(0, -1), values.at(-1)) })
      }
  return relations
}

function isProduct(x?: number, y?: number, z?: number): boolean {
  if (x === undefined || y === undefined || z === undefined) return false
  // 1 × price = price says nothing.
  return x !== 1 && y !== 1 && z !== 0 && near(Math.round(x * y * 100) / 100, z)
}

function isSum(parts: readonly (number | undefined)[], total: number | undefined): boolean {
  if (total === undefined || total === 0) return false
  let sum = 0
  for (const part of parts) {
    if (part === undefined) return false
    sum += part
  }
  return near(sum, total)
}

function rowsOf(figures: readonly Figure[]): number[][] {
  const placed = figures.map(({ region }, index) => ({ region, index }))
  // Wider rows are lists of figures rather than calculations.
  return pageRows(placed)
    .filter((row) => row.length <= 12)
    .map((row) => row.map(({ index }) => index))
}

/** Figures under each other: their right or their left edges are at the same place. */
function columnsOf(figures: readonly Figure[]): number[][] {
  const columns = new Map<string, number[]>()
  for (const edge of [({ x, width }: Region) => x + width, ({ x }: Region) => x])
    for (const { region } of figures) {
      const members = figures
        .map((_, index) => index)
        .filter((index) => Math.abs(edge(figures[index]!.region) - edge(region)) < region.height)
        .sort((a, b) => figures[a]!.region.y - figures[b]!.region.y)
      if (members.length > 2) columns.set(members.join(), members)
    }
  return [...columns.values()]
}
