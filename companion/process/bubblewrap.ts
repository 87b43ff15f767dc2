import { execFile } from 'node:child_process'
import { existsSync, lstatSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { promisify } from 'node:util'

const execute = promisify(execFile)
const waitMs = 10_000

/** The folders every jail needs to start a program: the system's libraries. */
const systemFolders = ['/lib', '/lib32', '/lib64', '/bin', '/sbin'] as const

export interface Bubblewrap {
  /** The program, tried: it is left out where the kernel refuses it. */
  readonly bwrap?: string
  /** Why there is none. */
  readonly without?: string
}

/** Looks once for each process; bubblewrap is tried by running something in it. */
export function findBubblewrap(): Promise<Bubblewrap> {
  found ??= look()
  return found
}
let found: Promise<Bubblewrap> | undefined

async function look(): Promise<Bubblewrap> {
  if (process.platform !== 'linux') return { without: 'bubblewrap is for Linux' }
  const bwrap = programOnPath('bwrap')
  if (!bwrap) return { without: 'bubblewrap is not installed' }
  try {
    const args = ['--unshare-all', '--die-with-parent', '--cap-drop', 'ALL', '--clearenv']
    const root = ['--ro-bind', '/', '/', '--proc', '/proc', '--dev', '/dev']
    await execute(bwrap, [...args, ...root, '/bin/true'], { timeout: waitMs, env: {} })
    return { bwrap }
  } catch (error) {
    const said = (error as { stderr?: string }).stderr?.trim().slice(0, 200)
    return { without: `bubblewrap cannot be used here${said ? `: ${said}` : ''}` }
  }
}

/** No network, no other process, no capability, no environment. */
// prettier-ignore
export const namespaces: readonly string[] = [
  '--unshare-all', '--die-with-parent', '--new-session', '--clearenv', '--cap-drop', 'ALL',
  '--hostname', 'jail',
]

/** The system's libraries, read-only, where programs look for them. */
export function libraries(folders: readonly string[]): string[] {
  const links = systemFolders.flatMap((path) => {
    if (!existsSync(path)) return []
    // Merged systems have links into /usr; others real folders.
    if (!lstatSync(path).isSymbolicLink()) return ['--ro-bind', path, path]
    return ['--symlink', `usr${path}`, path]
  })
  const store = existsSync('/nix/store') ? ['/nix/store'] : []
  return [
    ...[...folders, ...store].flatMap((path) => ['--ro-bind-try', path, path]),
    ...links,
    '--ro-bind-try',
    '/etc/ld.so.cache',
    '/etc/ld.so.cache',
  ]
}

/** Where a program is, looked for on the PATH and where systems keep theirs. */
export function programOnPath(name: string, path = process.env.PATH ?? ''): string | undefined {
  const folders = [...path.split(delimiter), '/usr/bin', '/bin', '/usr/local/bin']
  const suffix = process.platform === 'win32' ? '.exe' : ''
  return folders
    .map((folder) => join(folder || '.', name + suffix))
    .find((candidate) => existsSync(candidate))
}
