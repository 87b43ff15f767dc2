import { folderListSchema } from '#shared/protocol/api.ts'
import { request } from './api.ts'

/**
 * The folders in `path` on the companion's disk; an empty path is the home folder.
 * @throws SiloError: path_not_found, path_not_absolute, path_denied
 */
export function listFolders(path: string, signal: AbortSignal) {
  const query = path ? `?path=${encodeURIComponent(path)}` : ''
  return request(`/api/folders${query}`, folderListSchema, { signal })
}
