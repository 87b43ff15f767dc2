import {
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmdirSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { newId } from '#shared/domain/ids.ts'

/** A command joins its group within this, ms. */
const oldMs = 60_000

/**
 * A control group of the kernel that holds the number of processes down: for root, whom the limits of users do not
 * hold. A watch alone is too late for a fork bomb: within a second there are thousands, and the watch is one of them.
 */
export class ProcessGroup {
  readonly path: string

  private constructor(path: string) {
    this.path = path
  }

  /** Undefined where none may be made. */
  static create(most: number): ProcessGroup | undefined {
    const parent = parentGroup()
    if (!parent) return undefined
    const path = join(parent, `silo-${newId()}`)
    try {
      // Of a companion that was killed. One that is in use cannot be removed; a new one waits for its first process.
      for (const name of readdirSync(parent))
        if (name.startsWith('silo-') && isOld(join(parent, name))) removeGroup(join(parent, name))
      mkdirSync(path)
      writeFileSync(join(path, 'pids.max'), String(most))
      return new ProcessGroup(path)
    } catch {
      removeGroup(path)
      return undefined
    }
  }

  /** The command, which joins the group before it becomes what it is, or does not start. */
  enter(file: string, args: readonly string[]): { file: string; args: string[] } {
    const script = 'echo $$ > "$0/cgroup.procs" && exec "$@"'
    return { file: '/bin/sh', args: ['-c', script, this.path, file, ...args] }
  }

  /** For an empty one: its processes are gone. */
  remove(): void {
    removeGroup(this.path)
  }
}

/** Does only a control group hold this user's processes down? */
export function needsGroup(): boolean {
  return process.getuid?.() === 0
}

function isOld(path: string): boolean {
  const made = statSync(path, { throwIfNoEntry: false })?.mtimeMs
  return made !== undefined && Date.now() - made > oldMs
}

function removeGroup(path: string): void {
  try {
    rmdirSync(path)
  } catch {
    // Not there, or a process is still on its way out: an empty group costs nothing.
  }
}

/** Where this process may make groups that count processes: version 1, or 2. */
function parentGroup(): string | undefined {
  try {
    const own = readFileSync('/proc/self/cgroup', 'utf8')
    const first = /^\d+:(?:[\w=,]*,)?pids(?:,[\w=,]*)?:(.*)$/m.exec(own)?.[1]
    if (first !== undefined) return existing(join('/sys/fs/cgroup/pids', first))
    const second = /^0::(.*)$/m.exec(own)?.[1]
    const path = second === undefined ? undefined : existing(join('/sys/fs/cgroup', second))
    const shared = path && readFileSync(join(path, 'cgroup.subtree_control'), 'utf8')
    return shared?.includes('pids') ? path : undefined
  } catch {
    return undefined
  }
}

function existing(path: string): string | undefined {
  return existsSync(path) ? path : undefined
}
