import { libraries, namespaces } from '#companion/process/bubblewrap.ts'
import type { JailCommand } from './jail-process.ts'
import type { Limits } from './limits.ts'
import type { Machine } from './machine.ts'

/** A folder as the command sees it, and what is there in its place. */
export interface Mount {
  readonly path: string
  readonly source: string
  readonly write: boolean
  /** Below it, and not for the command to see. */
  readonly hidden: readonly { readonly path: string; readonly folder: boolean }[]
}

/** Processes and threads of one command together. */
export const processesMost = 128
const scratchBytes = 64 * 1024 * 1024

/** A command with the system read-only, its folders, and a small /tmp; no network, no other process, no environment. */
export function shellCommand(
  machine: Machine & { readonly bwrap: string },
  job: {
    readonly argv: readonly string[]
    readonly cwd: string
    readonly mounts: readonly Mount[]
  },
  limits: Limits,
): JailCommand {
  const limited = machine.prlimit
    ? [...rlimits(machine.prlimit, limits), '--', ...job.argv]
    : job.argv
  const args = [
    ...namespaces,
    ...libraries(['/usr']),
    ...['/etc/alternatives', '/etc/localtime', '/etc/mime.types'].flatMap((path) => [
      '--ro-bind-try',
      path,
      path,
    ]),
    // prettier-ignore
    '--proc',
    '/proc',
    '--dev',
    '/dev',
    '--size',
    String(scratchBytes),
    '--tmpfs',
    '/tmp',
    ...job.mounts.flatMap(mount),
    // prettier-ignore
    '--remount-ro',
    '/dev',
    '--remount-ro',
    '/',
    // prettier-ignore
    '--setenv',
    'PATH',
    '/usr/local/bin:/usr/bin:/bin',
    '--setenv',
    'HOME',
    '/tmp',
    '--setenv',
    'LANG',
    'C.UTF-8',
    // prettier-ignore
    '--chdir',
    job.cwd,
    '--',
    ...limited,
  ]
  return { file: machine.bwrap, args, walls: shellWalls(machine), kept: false }
}

export function shellWalls(machine: Machine): string[] {
  return ['bubblewrap', ...(machine.prlimit ? ['rlimits'] : []), 'process-watch', 'copies']
}

function mount({ path, source, write, hidden }: Mount): string[] {
  return [
    write ? '--bind' : '--ro-bind',
    source,
    path,
    ...hidden.flatMap((place) =>
      place.folder
        ? ['--tmpfs', place.path, '--remount-ro', place.path]
        : ['--ro-bind', '/dev/null', place.path],
    ),
  ]
}

/** Inside: the number of processes is then counted for this jail alone, not for the user. Root is not held by it: the watch is. */
function rlimits(program: string, limits: Limits): string[] {
  return [
    program,
    `--data=${limits.memoryBytes}`,
    `--cpu=${limits.cpuSeconds}:${limits.cpuSeconds + 1}`,
    `--fsize=${limits.fileBytes}`,
    `--nproc=${processesMost}`,
    '--core=0',
    '--nofile=256',
    '--memlock=0',
  ]
}
