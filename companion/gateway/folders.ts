import { readdir } from 'node:fs/promises'
import { homedir } from 'node:os'
import { dirname, isAbsolute, join, normalize } from 'node:path'
import { SiloError } from '#shared/errors/silo-error.ts'

export interface FolderList {
  readonly path: string
  readonly parent: string | null
  readonly folders: { readonly name: string; readonly path: string }[]
  readonly files: number
}

/**
 * The folders in `path` (absolute; the home folder unless given), hidden ones left out, by name.
 * @throws SiloError path_not_absolute, path_not_found, path_denied
 */
export async function listFolder(wanted: string | undefined): Promise<FolderList> {
  const given = wanted || homedir()
  if (!isAbsolute(given) || given.includes('\0'))
    throw new SiloError('path_not_absolute', { params: { path: given }, field: 'path' })
  const path = normalize(given)
  const entries = await readdir(path, { withFileTypes: true }).catch((cause: unknown) => {
    const code = (cause as NodeJS.ErrnoException).code
    const denied = code === 'EACCES' || code === 'EPERM'
    throw new SiloError(denied ? 'path_denied' : 'path_not_found', {
      params: { path },
      field: 'path',
      cause,
    })
  })
  const visible = entries.filter((entry) => !entry.name.startsWith('.'))
  const parent = dirname(path)
  return {
    path,
    parent: parent === path ? null : parent,
    folders: visible
      .filter((entry) => entry.isDirectory())
      .map((entry) => ({ name: entry.name, path: join(path, entry.name) }))
      .sort((a, b) => a.name.localeCompare(b.name, undefined, { numeric: true })),
    files: visible.filter((entry) => entry.isFile()).length,
  }
}
