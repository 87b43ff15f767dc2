import { mkdirSync, realpathSync, statSync } from 'node:fs'
import { dirname, isAbsolute, relative, resolve, sep } from 'node:path'
import { SiloError } from '#shared/errors/silo-error.ts'

/**
 * The folder as the system knows it; made where it is not there and its parent is. It may neither hold nor lie in one
 * of `taken`, nor in `home` (the data folder).
 * @throws SiloError path_not_absolute, path_not_found, path_denied, sync_folder_overlaps
 */
export function syncFolderPath(path: string, home: string, taken: readonly string[]): string {
  if (path.includes('\0') || !isAbsolute(path)) throw new SiloError('path_not_absolute', { field: 'path' }) // prettier-ignore
  const wanted = resolve(path)
  if (dirname(wanted) === wanted) throw new SiloError('path_denied', { params: { path }, field: 'path' }) // prettier-ignore
  // Looked at before it is made: nothing is to be made within the data folder.
  check(real(wanted), home, taken)
  try {
    mkdirSync(wanted, { recursive: false })
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT')
      throw new SiloError('path_not_found', { params: { path }, field: 'path' })
    if (code !== 'EEXIST') throw new SiloError('path_denied', { params: { path }, field: 'path', cause: error }) // prettier-ignore
  }
  const found = realpathSync(wanted)
  if (!statSync(found).isDirectory()) throw new SiloError('path_not_found', { params: { path }, field: 'path' }) // prettier-ignore
  check(found, home, taken)
  return found
}

function check(path: string, home: string, taken: readonly string[]): void {
  for (const other of [home, ...taken].map(real))
    if (holds(other, path) || holds(path, other))
      throw new SiloError('sync_folder_overlaps', { params: { path }, field: 'path' })
}

/** Without links, as far up as it exists. */
function real(path: string): string {
  try {
    return realpathSync(path)
  } catch {
    const parent = dirname(path)
    return parent === path ? path : resolve(real(parent), relative(parent, path))
  }
}

function holds(outer: string, inner: string): boolean {
  const way = relative(outer, inner)
  return way === '' || (way !== '..' && !way.startsWith(`..${sep}`) && !isAbsolute(way))
}
