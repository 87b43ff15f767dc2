import { lstat, mkdir, mkdtemp, realpath, rm, stat } from 'node:fs/promises'
import { isAbsolute, join } from 'node:path'
import * as v from 'valibot'
import type { Log } from '#companion/observe/log.ts'
import type { Sandbox, SandboxEvent, SandboxJob, SandboxProbe } from '#shared/contracts/sandbox.ts'
import { SiloError } from '#shared/errors/silo-error.ts'
import { limitsOf, type Limits } from './limits.ts'
import { findMachine, type Machine } from './machine.ts'
import { shellCommand, shellWalls, type Mount } from './shell-command.ts'
import { ShellCopy } from './shell-copies.ts'
import { runShell, withoutGroup } from './shell-run.ts'

export interface ShellSandboxOptions {
  /** Folder for copies and for what commands leave; made when needed. */
  readonly folder: string
  readonly log: Log
  /** Places within a folder that nobody may see, canonical: secrets, and Silo's own data. */
  readonly hides?: (folder: string) => Promise<readonly string[]>
  /** For tests. */
  readonly machine?: Machine
}

/**
 * Commands in bubblewrap. They see the system read-only and the folders of the job; those they may write to are copies, so that what they
 * did can be judged, and undone, like every other change. There are no commands without bubblewrap.
 */
export function createShellSandbox(options: ShellSandboxOptions): Sandbox {
  return new ShellSandbox(options)
}

const text = (most: number) =>
  v.pipe(
    v.string(),
    v.maxLength(most),
    v.check((value) => !value.includes('\0')),
  )
const jobSchema = v.object({
  kind: v.literal('shell'),
  argv: v.pipe(v.array(text(100_000)), v.minLength(1), v.maxLength(1000), v.check((argv) => argv[0] !== '')),
  cwd: v.pipe(text(4096), v.check(isAbsolute)),
  folders: v.pipe(v.array(v.object({ path: v.pipe(text(4096), v.check(isAbsolute)), write: v.boolean() })), v.maxLength(32)),
}) // prettier-ignore
type ShellJob = v.InferOutput<typeof jobSchema>

class ShellSandbox implements Sandbox {
  readonly specVersion = 1
  readonly id = 'shell-bwrap'
  readonly #options: ShellSandboxOptions
  readonly #closing = new AbortController()
  readonly #running = new Set<Promise<unknown>>()

  constructor(options: ShellSandboxOptions) {
    this.#options = options
  }

  async probe(signal: AbortSignal): Promise<SandboxProbe> {
    signal.throwIfAborted()
    const machine = await this.#machine()
    if (!machine.bwrap || machine.unbounded)
      return { available: false, reason: reasonOf(machine), walls: [], packages: [] }
    return { available: true, walls: shellWalls(machine), packages: [] }
  }

  async *run(job: SandboxJob, signal: AbortSignal): AsyncGenerator<SandboxEvent> {
    signal.throwIfAborted()
    const machine = await this.#machine()
    const { bwrap } = machine
    if (!bwrap || machine.unbounded)
      throw new SiloError('sandbox_unavailable', { params: { detail: reasonOf(machine) } })
    const limits = limitsOf(job.limits)
    const checked = await check(job)
    const { folder } = this.#options
    await mkdir(folder, { recursive: true, mode: 0o700 })
    const work = await mkdtemp(join(folder, 'copy-'))
    const left = await mkdtemp(join(folder, 'left-'))
    const ended = Promise.withResolvers<undefined>()
    this.#running.add(ended.promise)
    let whole = false
    try {
      const either = AbortSignal.any([signal, this.#closing.signal])
      const { mounts, copies } = await this.#stage(checked, work, limits, either)
      const command = shellCommand({ ...machine, bwrap }, { ...checked, mounts }, limits)
      for await (const event of runShell(command, { copies, left, limits, signal: either })) {
        if (event.type === 'end') whole = true
        yield event
      }
    } finally {
      await rm(work, { recursive: true, force: true })
      if (!whole) await rm(left, { recursive: true, force: true })
      this.#running.delete(ended.promise)
      ended.resolve(undefined)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort()
    await Promise.all(this.#running)
  }

  async #stage(
    job: ShellJob,
    work: string,
    limits: Limits,
    signal: AbortSignal,
  ): Promise<{ mounts: Mount[]; copies: Map<number, ShellCopy> }> {
    const mounts: Mount[] = []
    const copies = new Map<number, ShellCopy>()
    for (const [number, { path, write }] of job.folders.entries()) {
      const hidden = (await this.#options.hides?.(path)) ?? []
      if (write) {
        const copy = await ShellCopy.make(path, join(work, String(number)), hidden, limits, signal)
        copies.set(number, copy)
        mounts.push({ path, source: copy.path, write, hidden: [] })
      } else {
        const kinds = await Promise.all(hidden.map((place) => lstat(place).catch(() => undefined)))
        const there = hidden.flatMap((place, index) => {
          const found = kinds[index]
          return found ? [{ path: place, folder: found.isDirectory() }] : []
        })
        mounts.push({ path, source: path, write, hidden: there })
      }
    }
    return { mounts, copies }
  }

  async #machine(): Promise<Machine> {
    return this.#options.machine ?? (await findMachine())
  }
}

function reasonOf(machine: Machine): string {
  if (machine.bwrap && machine.unbounded) return withoutGroup
  return machine.without ?? 'bubblewrap is missing'
}

/** @throws SiloError sandbox_input_invalid */
async function check(job: SandboxJob): Promise<ShellJob> {
  const parsed = v.safeParse(jobSchema, job)
  if (!parsed.success) throw invalid(v.getDotPath(parsed.issues[0]) ?? 'job')
  const { folders, cwd } = parsed.output
  for (const { path } of folders) {
    // Another than the canonical path would be another folder by the time it is mounted.
    const real = await realpath(path).catch(() => undefined)
    if (real !== path || !(await stat(path)).isDirectory() || isSystem(path)) throw invalid(path)
    if (folders.some((other) => other.path !== path && within(path, other.path)))
      throw invalid(`${path} lies within another folder`)
  }
  if (new Set(folders.map(({ path }) => path)).size < folders.length)
    throw invalid('a folder is named twice')
  if (!folders.some(({ path }) => within(cwd, path)) && cwd !== '/tmp') throw invalid('cwd')
  return parsed.output
}

/** What the jail has of its own may not be covered by a folder. */
function isSystem(path: string): boolean {
  const [, first = ''] = path.split('/')
  return ['', 'usr', 'bin', 'sbin', 'lib', 'lib32', 'lib64', 'proc', 'dev', 'sys', 'etc', 'boot', 'run'].includes(first) || path === '/tmp' // prettier-ignore
}

function within(path: string, folder: string): boolean {
  return path === folder || path.startsWith(`${folder}/`)
}

function invalid(detail: string): SiloError {
  return new SiloError('sandbox_input_invalid', { params: { detail } })
}
