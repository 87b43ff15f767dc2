import { SiloError } from '#shared/errors/silo-error.ts'
import { pathError } from './path-error.ts'

/** What the file system's refusal of a path means to a person, those of odd names and links included. */
export function pathProblem(path: string, cause: unknown): SiloError {
  const code = (cause as NodeJS.ErrnoException | undefined)?.code
  if (code === 'ENAMETOOLONG') return new SiloError('path_too_long', { cause })
  if (code === 'ELOOP') return new SiloError('path_loop', { params: { path: shown(path) }, cause })
  return pathError(shown(path), cause)
}

/** What a failed write means: there is no room, or something is broken. Other errors stay as they are. */
export function writeProblem(cause: unknown): unknown {
  if (cause instanceof SiloError) return cause
  const text = cause instanceof Error ? `${(cause as NodeJS.ErrnoException).code} ${cause.message}` : String(cause) // prettier-ignore
  if (/ENOSPC|EDQUOT|no space left|os error 28\b|database or disk is full/i.test(text))
    return new SiloError('no_space', { cause })
  return cause
}

/** Short enough for a line of a log. */
function shown(path: string): string {
  return path.length > 400 ? `${path.slice(0, 400)}…` : path
}
