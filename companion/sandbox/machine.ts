import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { findBubblewrap, programOnPath } from '#companion/process/bubblewrap.ts'
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

/** Looks once for each process; bubblewrap is tried by running something in it. */
export function findMachine(): Promise<Machine> {
  found ??= look()
  return found
}
let found: Promise<Machine> | undefined

async function look(): Promise<Machine> {
  const deno = findDeno()
  const sandboxExec = process.platform === 'darwin' ? programOnPath('sandbox-exec') : undefined
  const prlimit = process.platform === 'linux' ? programOnPath('prlimit') : undefined
  const tried = await findBubblewrap()
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
  return programOnPath('deno')
}
