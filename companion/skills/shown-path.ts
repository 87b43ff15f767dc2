import { homedir } from 'node:os'
import { sep } from 'node:path'

/** A path as a person reads it: below the home folder it begins with `~`. */
export function shownPath(path: string, home: string = homedir()): string {
  if (path === home) return '~'
  return path.startsWith(home + sep) ? `~${path.slice(home.length)}` : path
}
