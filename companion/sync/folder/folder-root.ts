import { lstatSync, mkdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { SiloError } from '#shared/errors/silo-error.ts'
import { markerName } from './names.ts'

/**
 * Makes a new folder ready: its directory and the marker in it. A folder that was in use and has lost them is not
 * made again: a disk that is not mounted looks like a person who deleted everything.
 * @throws SiloError sync_folder_missing
 */
export function ensureRoot(root: string, isNew: boolean): void {
  try {
    if (isNew) mkdirSync(join(root, markerName), { recursive: true })
    if (statSync(root).isDirectory() && lstatSync(join(root, markerName)).isDirectory()) return
  } catch (cause) {
    throw new SiloError('sync_folder_missing', { params: { path: root }, cause })
  }
  throw new SiloError('sync_folder_missing', { params: { path: root } })
}

/** Whether the file system of the folder tells `a` from `A`. The marker has to be there. */
export function isCaseSensitive(root: string): boolean {
  return lstatSync(join(root, markerName.toUpperCase()), { throwIfNoEntry: false }) === undefined
}
