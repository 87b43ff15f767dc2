import { fileType } from '#companion/sync/bep-peer.ts'
import type { Placement } from './disk-tasks.ts'
import { sameContent, sameTime, type IndexedFile, type LocalFile } from './file-records.ts'
import type { FolderContext } from './folder-context.ts'
import type { Need, Needs } from './needs.ts'
import { dressed, freeConflictName, recordOf, replacing, type Step } from './placement.ts'
import { mergeVersions, nextVersion } from './versions.ts'

const settleMs = 1000
const longestSettleMs = 30_000

/** A file to be got. */
export interface Job {
  readonly need: Need
  readonly file: IndexedFile
  /** Where it goes: its name, or a conflict copy's where a directory that stays has its name. */
  readonly target: string
  readonly record: LocalFile
  readonly replacing: Pick<Placement, 'expect' | 'replaces' | 'conflict'>
}

/** Only the time or permissions changed; or another file of the same content is to be deleted: it is renamed. */
export function quickStep(
  context: FolderContext,
  needs: Needs,
  file: IndexedFile,
  need: Need,
): Step | undefined {
  const { index, busy } = context
  const local = need.local && !need.local.ignored ? index.local(need.name) : undefined
  if (local && !local.deleted && sameContent(local, file)) {
    const { modifiedS, modifiedNs, ...mode } = dressed(context, file)
    const time = sameTime(local, file) ? {} : { modifiedS, modifiedNs }
    const item = {
      name: file.name,
      expect: local.stat,
      make: 'metadata',
      ...mode,
      ...time,
    } as const
    return { item, records: [recordOf(file)] }
  }
  if (file.size === 0 || local?.type === fileType.directory || context.dataset) return undefined
  if (needs.deletions === 0) return undefined
  for (const other of index.withContent(file.content)) {
    const going = needs.get(other.name)
    if (!going?.best.deleted || busy.has(other.name) || other.stat === '') continue
    const deletion = index.remote(other.name, going.best.device)
    if (other.size !== file.size || !deletion) continue
    const item = {
      name: file.name,
      make: 'moved',
      ...replacing(context, file, need.local),
      ...dressed(context, file),
      from: other.name,
      fromExpect: other.stat,
    } as const
    return { item, records: [recordOf(file), recordOf(deletion)] }
  }
  return undefined
}

/** Undefined where a directory of that name is about to be emptied first. */
export function jobOf(
  context: FolderContext,
  needs: Needs,
  file: IndexedFile,
  need: Need,
): Job | undefined {
  const record = recordOf(file)
  if (isFree(context, need)) {
    const instead = replacing(context, file, need.local)
    return { need, file, target: file.name, record, replacing: instead }
  }
  if (isEmptying(context, needs, need.name)) return undefined
  // The directory stays, for what was put into it here; the file stays too, beside it.
  const { shortId } = context
  const target = freeConflictName(context, file)
  const copy = { ...record, name: target, version: nextVersion([], shortId), modifiedBy: shortId }
  return { need, file, target, record: copy, replacing: { expect: '' } }
}

/** Files that went beside a directory are here: now the directory is the newest version of that name. */
export function keepDirectories(context: FolderContext, jobs: readonly Job[]): void {
  for (const { target, need } of jobs)
    if (target !== need.name && context.index.localShort(target)) keepDirectory(context, need)
}

/** A directory in which something lives here lives as well: that is the newest word on it. */
export function keepDirectory(context: FolderContext, { name, best }: Need): void {
  const { index, shortId } = context
  const local = index.local(name)
  if (!local || local.deleted || local.type !== fileType.directory) return
  const version = nextVersion(mergeVersions(local.version, best.version), shortId)
  index.putLocal([{ ...local, version, modifiedBy: shortId }])
  context.localChanged([name])
}

/** Nothing here is in the way, or it may be replaced. */
export function isFree({ index }: FolderContext, { name, local }: Need): boolean {
  if (!local || local.deleted || local.ignored || local.type !== fileType.directory) return true
  return index.localNames(name, '', 1).length === 0
}

/**
 * A directory that lives on for what is in it is announced so for good: not before it is clear that its content is not
 * about to be deleted too, which devices may announce after what happened to the directory. Ms until then.
 */
export function settlingMs({ since }: Need, announcing: boolean): number {
  const age = Date.now() - since
  if (age >= longestSettleMs || (age >= settleMs && !announcing)) return 0
  return Math.max(100, settleMs - age)
}

/** Everything in the directory is about to be deleted. */
export function isEmptying({ index }: FolderContext, needs: Needs, name: string): boolean {
  return index.localNames(name, '', 500).every((row) => needs.get(row.name)?.best.deleted)
}
