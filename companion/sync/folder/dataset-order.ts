import { splitName } from './names.ts'

/** Lance keeps the versions of a table here; a manifest makes all files it names visible to readers. */
export const versionsFolder = '_versions'
const maxVersion = 2n ** 64n - 1n

/** A file that makes others visible: pulled after all of them. */
export function isManifest(name: string): boolean {
  const [folder, base] = splitName(name)
  return (
    base.endsWith('.manifest') &&
    (folder === versionsFolder || folder.endsWith(`/${versionsFolder}`))
  )
}

/** Half-written files of the writer, which no reader looks at. */
export function isDatasetScrap(name: string): boolean {
  const base = splitName(name)[1]
  return /#\d+$/.test(base) || base.startsWith('.tmp') || base.endsWith('.tmp')
}

/**
 * The version a manifest is of. Names of 20 digits count down from the highest number, so that the newest is listed
 * first; shorter ones are the number itself.
 */
export function manifestVersion(name: string): bigint | undefined {
  const digits = /^(\d{1,20})\.manifest$/.exec(splitName(name)[1])?.[1]
  if (digits === undefined) return undefined
  return digits.length === 20 ? maxVersion - BigInt(digits) : BigInt(digits)
}

/**
 * Manifests of several tables in the order they may become visible: of each table the newest first. All files of all
 * of them are here by then; but where the owner was clearing up while it scanned, an older one may lack files, and it
 * must not be the newest a reader finds.
 */
export function manifestOrder(names: readonly string[]): string[] {
  return names.toSorted((a, b) => {
    const [tableA] = splitName(a)
    const [tableB] = splitName(b)
    if (tableA !== tableB) return tableA < tableB ? -1 : 1
    const difference = (manifestVersion(b) ?? 0n) - (manifestVersion(a) ?? 0n)
    return difference > 0n ? 1 : difference < 0n ? -1 : 0
  })
}
