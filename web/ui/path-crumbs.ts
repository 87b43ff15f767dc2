export interface Crumb {
  readonly name: string
  readonly path: string
}

/**
 * The folders from the root to `path`, each with its own full path, outermost first. Understands
 * `/a/b`, `C:\a\b` and `\\server\share\a`.
 */
export function pathCrumbs(path: string): Crumb[] {
  const windows = /^[A-Za-z]:/.test(path) || path.startsWith('\\\\')
  if (!windows) {
    const crumbs: Crumb[] = [{ name: '/', path: '/' }]
    let at = ''
    for (const name of path.split('/').filter(Boolean)) {
      at += `/${name}`
      crumbs.push({ name, path: at })
    }
    return crumbs
  }
  const parts = path.split(/[\\/]+/).filter(Boolean)
  const share = path.startsWith('\\\\')
  const rootParts = share ? 2 : 1
  const root = share ? `\\\\${parts.slice(0, 2).join('\\')}` : `${parts[0]}\\`
  const crumbs: Crumb[] = [{ name: share ? root : (parts[0] ?? path), path: root }]
  let at = share ? root : (parts[0] ?? path)
  for (const name of parts.slice(rootParts)) {
    at += `\\${name}`
    crumbs.push({ name, path: at })
  }
  return crumbs
}

/** The last part of a path: what a person calls the file or folder. */
export function baseName(path: string): string {
  return path.split(/[\\/]+/).findLast(Boolean) ?? path
}

/** Everything before the last part; empty for a root. */
export function folderOf(path: string): string {
  return path.slice(0, Math.max(0, path.length - baseName(path).length)).replace(/[\\/]+$/, '')
}
