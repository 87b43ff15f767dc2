import { fileType } from '#companion/sync/bep-peer.ts'
import type { Placed, Placement } from './disk-tasks.ts'
import type { IndexedFile, LocalFile } from './file-records.ts'
import { type FolderContext, problemCode } from './folder-context.ts'
import type { ShortRow } from './index-rows.ts'
import type { IndexStore } from './index-store.ts'
import { conflictName, parentsOf, splitName } from './names.ts'
import { isConcurrent, type Version } from './versions.ts'

/** One step on disk and what is recorded when it is done. */
export interface Step {
  readonly item: Placement
  /** The first is of the item's name: its `stat` is filled in from the disk. */
  readonly records: readonly LocalFile[]
}

export interface StepFailure {
  readonly step: Step
  /** As the disk said it. */
  readonly code: string
}

/** What `file` becomes as a record of this device. */
export function recordOf(file: IndexedFile): LocalFile {
  return { ...file, invalid: false, stat: '', ignored: false, changedHere: false }
}

/** How what is there gives way to another version: replaced, or kept as a conflict copy. */
export function replacing(
  context: FolderContext,
  file: IndexedFile,
  local: ShortRow | undefined,
): Pick<Placement, 'expect' | 'replaces' | 'conflict'> {
  if (!local || local.deleted || local.ignored) return { expect: '' }
  if (local.type === fileType.directory)
    return file.type === fileType.directory && !file.deleted
      ? { expect: '' }
      : { expect: '', replaces: 'directory' }
  const kept =
    local.type === fileType.file &&
    !file.deleted &&
    !context.dataset &&
    isConflict(local.version, file.version, context.shortId)
  const other = file.deleted || file.type === fileType.directory
  return {
    expect: local.stat,
    ...(kept ? { conflict: freeConflictName(context, file) } : other ? { replaces: 'other' } : {}),
  }
}

/**
 * Neither version knows of the other; or theirs knows of changes made here that are not known here, which is a sign
 * that this device's index was lost.
 */
function isConflict(local: Version, replacement: Version, self: bigint): boolean {
  const own = (version: Version) => version.find(({ id }) => id === self)?.value ?? 0n
  return isConcurrent(local, replacement) || own(replacement) > own(local)
}

export function freeConflictName(
  { index }: FolderContext,
  file: Pick<IndexedFile, 'name' | 'modifiedBy'>,
): string {
  for (let seconds = 0; ; seconds++) {
    const name = conflictName(file.name, file.modifiedBy, new Date(Date.now() + seconds * 1000))
    if (!index.localShort(name)) return name
  }
}

/** Time and permissions as announced. */
export function dressed(
  { ignorePermissions }: FolderContext,
  file: IndexedFile,
): Pick<Placement, 'mode' | 'modifiedS' | 'modifiedNs'> {
  return {
    ...(ignorePermissions || file.permissions === undefined ? {} : { mode: file.permissions }),
    modifiedS: file.modifiedS,
    modifiedNs: file.modifiedNs,
  }
}

/**
 * Does the steps on disk and records them together. Names are busy from before the first until they are recorded, so
 * no scan takes them for changes made by the person. Returns what failed.
 */
export async function perform(
  context: FolderContext,
  steps: readonly Step[],
  data: Uint8Array = new Uint8Array(0),
): Promise<StepFailure[]> {
  if (steps.length === 0) return []
  const { disk, root, busy, index, problems } = context
  const failures: StepFailure[] = []
  const free = steps.filter((step) => {
    if (!namesOf(step).some((name) => busy.has(name))) return true
    failures.push({ step, code: 'changed' })
    return false
  })
  const names = free.flatMap(namesOf)
  for (const name of names) busy.add(name)
  const done: LocalFile[] = []
  const copies: string[] = []
  try {
    const items = free.map(({ item }) => item)
    const moved = data.byteLength > 0 ? [data.buffer as ArrayBuffer] : []
    const results = await disk.run({ kind: 'place', root, items, data }, moved)
    results.forEach((result: Placed, i) => {
      const step = free[i]!
      if ('code' in result) failures.push({ step, code: result.code })
      else {
        step.records.forEach((record, at) =>
          done.push({ ...record, stat: at > 0 || record.deleted ? '' : result.stat }),
        )
        if (step.item.conflict) copies.push(step.item.conflict)
        problems.clear(step.item.name)
      }
    })
    index.putLocal(done)
  } finally {
    for (const name of names) busy.delete(name)
  }
  context.recorded(done)
  if (copies.length > 0) context.rescanSoon(copies, 0)
  const made = unrecordedParents(index, done)
  if (made.length > 0) context.rescanSoon(made)
  const changed = failures.filter(({ code }) => problemCode(code) === 'sync_file_busy')
  if (changed.length > 0) context.rescanSoon(changed.flatMap(({ step }) => namesOf(step)))
  if (failures.some(({ code }) => problemCode(code) === 'disk_full')) context.fail('disk_full')
  return failures
}

/** Directories that were made for what is in them: a person would say that they are there. */
function unrecordedParents(index: IndexStore, done: readonly LocalFile[]): string[] {
  const parents = new Set<string>()
  for (const { name, deleted } of done) {
    const [folder] = splitName(name)
    if (!deleted && folder !== '' && !parents.has(folder))
      for (const parent of [folder, ...parentsOf(folder)]) parents.add(parent)
  }
  return [...parents].filter((name) => index.localShort(name)?.deleted ?? true)
}

function namesOf({ item }: Step): string[] {
  return item.from === undefined ? [item.name] : [item.name, item.from]
}
