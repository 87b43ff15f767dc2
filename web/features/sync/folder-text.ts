import type { SyncFolder, SyncState } from '#shared/protocol/sync.ts'
import { formatBytes, formatCount } from '#web/ui/format.ts'
import { t } from './texts.ts'

/** How a folder is, in a word: what the eye looks for first. */
export type FolderTone = 'good' | 'busy' | 'quiet' | 'signal'

/** `waiting`: nobody who shares it is connected, so nobody can say whether it is up to date. */
export function folderTone(folder: SyncFolder): { tone: FolderTone; text: string } {
  const { condition, percent, needFiles, peers, devices, kind } = folder
  if (condition === 'error') return { tone: 'signal', text: t('error') }
  if (condition === 'paused') return { tone: 'quiet', text: t('paused') }
  if (condition === 'starting' || condition === 'scanning')
    return { tone: 'busy', text: t(condition) }
  if (condition === 'syncing') return { tone: 'busy', text: t('syncing', { percent }) }
  if (devices.length === 0 && kind !== 'index')
    return { tone: 'quiet', text: t('sharedWithNobody') }
  if (!peers.some(({ attached }) => attached)) return { tone: 'quiet', text: t('waiting') }
  if (needFiles > 0) return { tone: 'signal', text: t('incomplete', { percent }) }
  return { tone: 'good', text: t('upToDate') }
}

/** `12,345 files · 4.2 GB`, and what is lacking. */
export function folderFigures(folder: SyncFolder): string {
  const { files, bytes, needFiles, needBytes, doneBytes, problemCount, changedHere } = folder
  const left = Math.max(needBytes - doneBytes, 0)
  return [
    t(files === 1 ? 'file' : 'files', { n: formatCount(files) }),
    formatBytes(bytes),
    ...(needFiles > 0 ? [t('toGet', { n: formatCount(needFiles), bytes: formatBytes(left) })] : []),
    ...(changedHere > 0 ? [t('changedHere', { n: formatCount(changedHere) })] : []),
    ...(problemCount > 0 ? [t('withProblems', { n: formatCount(problemCount) })] : []),
  ].join(' · ')
}

/** The name of a device, or the beginning of its id where it has none. */
export function deviceName({ devices }: SyncState, id: string): string {
  return devices.find((device) => device.id === id)?.name || id.slice(0, 7)
}

/** `index.COLLECTION.DEVICE`: what of a collection that device has read. */
const indexId = /^index\.([^.]+)\.(.+)$/

/** An index bears the name of its collection, where that is known here. */
export function folderName(
  { id, label }: SyncFolder,
  collections: readonly { readonly id: string; readonly name: string }[] = [],
): string {
  const collection = indexId.exec(id)?.[1]
  return collections.find((each) => each.id === collection)?.name ?? label
}

/** With whom it is kept alike; an index that is received is its device's. */
export function folderPartners(sync: SyncState, { id, type, devices }: SyncFolder): string[] {
  const writer = indexId.exec(id)?.[2]
  if (writer === undefined) return devices.map((device) => deviceName(sync, device))
  return [type === 'sendonly' ? t('whoMayCopy') : deviceName(sync, writer)]
}
