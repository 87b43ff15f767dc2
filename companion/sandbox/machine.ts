import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { delimiter, dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { needsGroup, ProcessGroup } from './process-group.ts'

/** What this computer has to build walls with. */
export interface Machine {
  /** Bubblewrap, tried: it is left out where the kernel refuses it. */
  readonly bwrap?: string
  /** Why there is no bubblewrap. */
  readonly without?: string
  readonly prlimit?: string
  /** Nothing would hold a fork bomb here: the user is root, and no control group can be made. */
  readonly unbounded?: boolean
  /** macOS. */
  readonly sandboxExec?: string
  readonly deno?: string
}

const execute = promisify(execFile)
const waitMs = 10_000

/** The folders every jail needs to start a program: the system's libraries. */
export const systemFolders = ['/lib', '/lib32', '/lib64', '/bin', '/sbin'] as const

/** Looks once for each process; bubblewrap is tried by running something in it. */
export function findMachine(): Promise<Machine> {
  found ??= look()
  return found
}
let found: Promise<Machine> | undefined

async function look(): Promise<Machine> {
  const deno = findDeno()
  const sandboxExec = process.platform === 'darwin' ? onPath('sandbox-exec') : undefined
  const prlimit = process.platform === 'linux' ? onPath('prlimit') : undefined
  const tried = await tryBubblewrap()
  return {
    ...tried,
    ...(isUnbounded() ? { unbounded: true } : {}),
    ...(prlimit ? { prlimit } : {}),
    ...(sandboxExec ? { sandboxExec } : {}),
    ...(deno ? { deno } : {}),
  }
}

function isUnbounded(): boolean {
  if (!needsGroup()) return false
  const group = ProcessGroup.create(8)
  group?.remove()
  return !group
}

async function tryBubblewrap(): Promise<Pick<Machine, 'bwrap' | 'without'>> {
  if (process.platform !== 'linux') return { without: 'bubblewrap is for Linux' }
  const bwrap = onPath('bwrap')
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

/** Deno is 90 MB, so it is no dependency: it is used where somebody has it. */
function findDeno(): string | undefined {
  const named = process.env.SILO_DENO
  if (named) return existsSync(named) ? named : undefined
  try {
    const folder = dirname(createRequire(import.meta.url).resolve('deno/package.json'))
    const libc = process.platform === 'linux' ? '-glibc' : ''
    const name = process.platform === 'win32' ? 'deno.exe' : 'deno'
    const binary = join(
      dirname(folder),
      '@deno',
      `${process.platform}-${process.arch}${libc}`,
      name,
    )
    if (existsSync(binary)) return binary
  } catch {
    // Not among the packages.
  }
  return onPath('deno')
}

function onPath(name: string): string | undefined {
  const folders = [
    ...(process.env.PATH ?? '').split(delimiter),
    '/usr/bin',
    '/bin',
    '/usr/local/bin',
  ]
  const suffix = process.platform === 'win32' ? '.exe' : ''
  return folders
    .map((folder) => join(folder || '.', name + suffix))
    .find((path) => existsSync(path))
}
