import type { Region } from '#shared/contracts/text-recognizer.ts'

/** What stands on a page at one height is a row: from top to bottom, each from left to right. */
export function pageRows<T extends { readonly region: Region }>(items: readonly T[]): T[][] {
  const middle = ({ region }: T): number => region.y + region.height / 2
  const rows: T[][] = []
  for (const item of items.toSorted((a, b) => middle(a) - middle(b))) {
    const first = rows.at(-1)?.[0]
    const near = first && Math.min(first.region.height, item.region.height) / 2
    if (first && near !== undefined && Math.abs(middle(first) - middle(item)) < near)
      rows.at(-1)!.push(item)
    else rows.push([item])
  }
  return rows.map((row) => row.toSorted((a, b) => a.region.x - b.region.x))
}
