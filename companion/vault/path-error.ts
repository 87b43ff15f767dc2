import { SiloError } from '#shared/errors/silo-error.ts'

/** What the file system's refusal means to a person. */
export function pathError(path: string, cause: unknown): SiloError {
  if (cause instanceof SiloError) return cause
  const code = (cause as NodeJS.ErrnoException | undefined)?.code
  if (code === 'EACCES' || code === 'EPERM')
    return new SiloError('path_denied', { params: { path }, cause })
  if (code === 'ENOENT' || code === 'ENOTDIR')
    return new SiloError('path_not_found', { params: { path }, cause })
  return new SiloError('file_damaged', { cause })
}
