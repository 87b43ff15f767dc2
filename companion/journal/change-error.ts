import { SiloError } from '#shared/errors/silo-error.ts'

/** What the file system's refusal of a change means to a person. */
export function changeError(path: string, cause: unknown): SiloError {
  if (cause instanceof SiloError) return cause
  const code = (cause as NodeJS.ErrnoException | undefined)?.code
  if (code === 'ENOSPC' || code === 'EDQUOT')
    return new SiloError('volume_full', { params: { path }, cause })
  if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS')
    return new SiloError('change_denied', { params: { path }, cause })
  if (code === 'ENOENT' || code === 'ENOTDIR')
    return new SiloError('path_not_found', { params: { path }, cause })
  if (code === 'ENAMETOOLONG')
    return new SiloError('path_refused', { params: { path, detail: code }, cause })
  return new SiloError('storage_failed', { cause })
}
