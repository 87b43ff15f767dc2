import { deletionOf, type LocalFile } from './file-records.ts'
import type { FolderContext } from './folder-context.ts'
import { recordOf, perform, type Step } from './placement.ts'
import { fileType } from '#companion/sync/bep-peer.ts'
import { mergeVersions, newestOf, nextVersion, type Version } from './versions.ts'

const page = 500

/** Send-only: what is here supersedes what others made of it; what only others have is deleted. */
export async function overrideAll(context: FolderContext): Promise<void> {
  const { index, shortId } = context
  for (let after = ''; ;) {
    const names = index.differingNames(after, page)
    const changes: LocalFile[] = []
    for (const name of names) {
      const rows = index.versions(name)
      const best = newestOf(rows.filter(({ invalid }) => !invalid))
      if (!best || best.device === 0) continue
      const all = rows.reduce<Version>((merged, row) => mergeVersions(merged, row.version), [])
      const version = nextVersion(all, shortId)
      const local = index.local(name)
      if (local) changes.push({ ...local, version, modifiedBy: shortId })
      else changes.push(deletionOf(recordOf(index.remote(name, best.device)!), version, shortId))
    }
    index.putLocal(changes)
    context.localChanged(changes.map(({ name }) => name))
    if (names.length < page) return
    after = names.at(-1)!
    await new Promise(setImmediate)
  }
}

/** Receive-only: changes made here are undone; what was only here is deleted. */
export async function revertAll(context: FolderContext): Promise<void> {
  const { index } = context
  const steps: Step[] = []
  for (const local of index.changedHere()) {
    const others = index.versions(local.name).some((row) => row.device !== 0 && !row.deleted)
    // Without a version every other one is newer.
    if (others || local.deleted) {
      index.putLocal([{ ...local, version: [] }])
      context.localChanged([local.name])
      continue
    }
    const replaces = local.type === fileType.directory ? 'directory' : 'other'
    const item = { name: local.name, make: 'nothing', expect: local.stat, replaces } as const
    steps.push({
      item,
      records: [{ ...deletionOf(local, [], local.modifiedBy), changedHere: false }],
    })
  }
  // The deepest first, so that directories are empty in their turn.
  await perform(context, steps.toReversed())
}
