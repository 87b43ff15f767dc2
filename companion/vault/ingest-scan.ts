import { stat } from 'node:fs/promises'
import { isAbsolute } from 'node:path'
import { SiloError } from '#shared/errors/silo-error.ts'
import type { FileRecord, OwnDocuments, RootPlace } from './own-documents.ts'
import { isWithin, scanRoot, type FoundFile, type Scan, type ScanProblem } from './scan.ts'

export interface Survey {
  readonly files: ReadonlyMap<string, FoundFile>
  readonly problems: readonly ScanProblem[]
  /** Whether a known path that was not found is gone: not where it could not be looked at, or was not to be. */
  isGone(path: string): boolean
  /** Whether what is known of problems at this path is to be found out anew. */
  isCovered(path: string): boolean
}

/**
 * Looks at all roots of a collection, or at some paths in them. A root that is not there, or is another disk without any
 * of the files (an unplugged drive), says nothing about what is gone.
 * @throws SiloError what is wrong with the root, where it is the only one; the signal's reason
 */
export async function surveyRoots(
  collectionId: string,
  roots: readonly string[],
  known: ReadonlyMap<string, FileRecord>,
  own: OwnDocuments,
  options: {
    readonly only?: readonly string[] | undefined
    /** Roots a person has just named: they are what they are. */
    readonly named?: readonly string[] | undefined
    readonly signal: AbortSignal
  },
  onFound: (count: number, root: string) => void,
): Promise<Survey> {
  const { signal, named } = options
  const moved = await Promise.all(roots.map((root) => isMoved(root, own.rootPlace(collectionId, root)))) // prettier-ignore
  const only = moved.includes(true) ? undefined : options.only
  const files = new Map<string, FoundFile>()
  const problems: ScanProblem[] = []
  const unseen: string[] = []
  for (const root of roots) {
    const before = own.rootPlace(collectionId, root)
    try {
      if (!isAbsolute(root) || root.includes('\0'))
        throw new SiloError('path_not_absolute', { params: { path: root.replaceAll('\0', '') } })
      const scan = await scanRoot(root, signal, (count) => onFound(files.size + count, root), only)
      if (only === undefined && !named?.includes(root) && isUnmounted(scan, before, known))
        throw new SiloError('root_unmounted', { params: { path: root } })
      own.setRootPlace(collectionId, root, scan)
      for (const file of scan.files) files.set(file.path, file)
      problems.push(...scan.problems)
      unseen.push(...scan.unseen)
    } catch (error) {
      if (!(error instanceof SiloError) || signal.aborted) throw error
      if (roots.length === 1) throw error
      problems.push({ path: root, error })
      unseen.push(before?.top ?? root)
    }
  }
  const isCovered = (path: string): boolean =>
    only?.some((target) => isWithin(path, target)) ?? true
  return {
    files,
    problems,
    isCovered,
    isGone: (path) =>
      !files.has(path) && isCovered(path) && !unseen.some((place) => isWithin(path, place)),
  }
}

/** Whether a root is another folder than when it was last read: then a look at some paths is not enough. */
async function isMoved(root: string, before: RootPlace | undefined): Promise<boolean> {
  const stats = await stat(root, { bigint: true }).catch(() => undefined)
  return stats !== undefined && before?.place !== `${stats.dev}:${stats.ino}`
}

function isUnmounted(
  scan: Scan,
  before: RootPlace | undefined,
  known: ReadonlyMap<string, FileRecord>,
): boolean {
  const there = new Set(scan.files.map(({ path }) => path))
  const disk = before ? before.place.split(':')[0] : undefined
  const otherDisk = before ? disk !== scan.place.split(':')[0] : scan.empty
  if (!otherDisk) return false
  let had = false
  for (const path of known.keys()) {
    if (!isWithin(path, before?.top ?? scan.top)) continue
    if (there.has(path)) return false
    had = true
  }
  return had
}
