import { linkSync, mkdirSync, renameSync, rmSync } from 'node:fs'
import { copyFile, stat, utimes } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { setImmediate as breathe } from 'node:timers/promises'
import { filesIn, isVersionFile, sha256Of, turnFiles, type DatasetList } from './dataset-list.ts'

export interface Promotion {
  /** All that the list names lies where readers look. */
  readonly complete: boolean
  /** Something there is new. */
  readonly changed: boolean
  /** Files that are not what their device says they are. */
  readonly wrong: readonly string[]
}

/** Files that are gone from the list stay this long for who reads an older version, ms. */
const graceMs = 10 * 60_000

/**
 * Brings a dataset that was received to where it is read, once every file is what its device has signed: data first,
 * then the versions that make them visible, so that a reader never finds a version without its files. Files are linked,
 * not copied, where the file system can.
 * @param received folder that sync keeps @param target folder of the index that is read
 * @param gone since when files are no longer listed, ms since 1970; kept by the caller from one time to the next
 * @throws errors of the file system
 */
export async function promoteDataset(
  received: string,
  target: string,
  list: DatasetList,
  gone: Map<string, number>,
  signal: AbortSignal,
): Promise<Promotion> {
  const wrong: string[] = []
  const fresh: string[] = []
  const [there, here] = [filesIn(received), filesIn(target)]
  for (const [name, { size, sha256 }] of list.files) {
    signal.throwIfAborted()
    const arrived = there.get(name)
    const placed = here.get(name)
    // Files of a dataset are never written to again, and one that was placed was verified then.
    if (placed?.size === size) continue
    if (!arrived) return { complete: false, changed: false, wrong }
    const same =
      arrived.size === size && (await sha256Of(join(received, name), size, signal)) === sha256
    if (same) fresh.push(name)
    else wrong.push(name)
    if (fresh.length % turnFiles === 0) await breathe()
  }
  if (wrong.length > 0) return { complete: false, changed: false, wrong }
  fresh.sort((a, b) => Number(isVersionFile(a)) - Number(isVersionFile(b)) || compareVersions(a, b))
  for (const [at, name] of fresh.entries()) {
    await place(join(received, name), join(target, name))
    if (at % turnFiles === 0) await breathe()
  }
  for (const name of gone.keys()) if (list.files.has(name)) gone.delete(name)
  for (const name of here.keys()) {
    if (list.files.has(name)) continue
    const since = gone.get(name) ?? Date.now()
    gone.set(name, since)
    // A version that is no longer listed must not be found; its data stay for who is reading it.
    if (!isVersionFile(name) && Date.now() - since < graceMs) continue
    rmSync(join(target, name), { force: true })
    gone.delete(name)
  }
  return { complete: true, changed: fresh.length > 0, wrong }
}

/** Of two manifests the newer first: the older is complete as well, but must not be what a reader finds newest. */
function compareVersions(a: string, b: string): number {
  return isVersionFile(a) && isVersionFile(b) ? (a < b ? -1 : 1) : 0
}

async function place(from: string, to: string): Promise<void> {
  mkdirSync(dirname(to), { recursive: true, mode: 0o700 })
  const temporary = `${to}.tmp`
  rmSync(temporary, { force: true })
  try {
    linkSync(from, temporary)
  } catch {
    // Another file system, or one without links.
    await copyFile(from, temporary)
    const { atime, mtime } = await stat(from)
    await utimes(temporary, atime, mtime)
  }
  renameSync(temporary, to)
}
