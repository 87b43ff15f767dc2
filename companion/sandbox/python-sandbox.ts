import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import type { Log } from '#companion/observe/log.ts'
import type { Sandbox, SandboxEvent, SandboxJob, SandboxProbe } from '#shared/contracts/sandbox.ts'
import { SiloError } from '#shared/errors/silo-error.ts'
import { LeftFiles } from './left-files.ts'
import { limitsOf, type Limits } from './limits.ts'
import { findMachine, type Machine } from './machine.ts'
import { pythonCommand } from './python-command.ts'
import { checkPythonJob, runPythonJob } from './python-job.ts'
import { isMade, makeSnapshot, snapshotPath } from './python-snapshot.ts'
import { WarmPython } from './warm-python.ts'

/** What the user's cache of wheels tells the sandbox. */
export interface PythonPackageSet {
  /** Folder with the wheels, by file name. */
  readonly folder: string
  /** Import names that can be used. */
  list(): Promise<readonly string[]>
  /** What a program needs: names for Pyodide's own loader, and wheels to unpack. */
  needed(code: string): Promise<{ load: readonly string[]; unpack: readonly string[] }>
}

export interface PythonSandboxOptions {
  /** Folder for the snapshot and for files on their way; made when needed. */
  readonly folder: string
  readonly log: Log
  readonly packages?: PythonPackageSet
  /** Where snapshots lie, if not in the folder: several may share them. */
  readonly snapshots?: string
  /** Keeps one started process for the next job, for so long (ms); 0: none. Two minutes unless told. */
  readonly warmMs?: number
  /** For tests of single walls. */
  readonly runtime?: 'node' | 'deno'
  readonly machine?: Machine
}

/**
 * Python (Pyodide) in a process of its own for each job: no network, no environment, no files but the copies that go
 * through its pipe. Around that every wall there is: bubblewrap and rlimits on Linux, sandbox-exec on macOS.
 */
export function createPythonSandbox(options: PythonSandboxOptions): Sandbox {
  return new PythonSandbox(options)
}

class PythonSandbox implements Sandbox {
  readonly specVersion = 1
  readonly #options: PythonSandboxOptions
  readonly #warm: WarmPython
  #snapshot: Promise<string | undefined> | undefined

  constructor(options: PythonSandboxOptions) {
    this.#options = options
    this.#warm = new WarmPython(options.warmMs ?? 120_000)
  }

  get id(): string {
    return `python-${this.#options.runtime ?? 'node'}`
  }

  async probe(signal: AbortSignal): Promise<SandboxProbe> {
    signal.throwIfAborted()
    const machine = await this.#machine()
    const pyodide = findPyodide()
    if (!pyodide)
      return {
        available: false,
        reason: 'The package pyodide is missing.',
        walls: [],
        packages: [],
      }
    const runtime = this.#runtime(machine)
    if (!runtime)
      return { available: false, reason: 'Deno is not installed.', walls: [], packages: [] }
    const { walls } = pythonCommand(machine, { runtime, pyodide, mode: 'run' }, limitsOf())
    const packages = (await this.#options.packages?.list()) ?? []
    return { available: true, walls, packages }
  }

  async *run(job: SandboxJob, signal: AbortSignal): AsyncGenerator<SandboxEvent> {
    signal.throwIfAborted()
    const limits = limitsOf(job.limits)
    const checked = await checkPythonJob(job, limits)
    const start = await this.#starter(limits)
    const needed = (await this.#options.packages?.needed(checked.code)) ?? { load: [], unpack: [] }
    const left = await LeftFiles.create(join(this.#options.folder, 'left'), limits)
    let ended = false
    try {
      const jail = this.#warm.take(start.key) ?? start.begin()
      const surroundings = { limits, left, signal, log: this.#options.log }
      for await (const event of runPythonJob(jail, { ...checked, ...needed }, surroundings)) {
        if (event.type === 'end') {
          // From here on the folder is the caller's, who need not ask for more.
          ended = true
          this.#warm.keep(start.key, start.begin)
        }
        yield event
      }
    } finally {
      if (!ended) await left.discard()
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#warm.close()
  }

  /** @throws SiloError sandbox_unavailable */
  async #starter(
    limits: Limits,
  ): Promise<{ key: string; begin: () => ReturnType<WarmPython['start']> }> {
    const machine = await this.#machine()
    const pyodide = findPyodide()
    const runtime = this.#runtime(machine)
    if (!pyodide || !runtime)
      throw new SiloError('sandbox_unavailable', {
        params: { detail: 'Pyodide or its runtime is missing.' },
      })
    const snapshot = await (this.#snapshot ??= this.#makeSnapshot(machine, pyodide, runtime))
    const folder = this.#options.packages?.folder
    const command = pythonCommand(
      machine,
      {
        runtime,
        pyodide,
        mode: 'run',
        ...(snapshot ? { snapshot } : {}),
        ...(folder && existsSync(folder) ? { packages: folder } : {}),
      },
      limits,
    )
    return { key: command.args.join(' '), begin: () => this.#warm.start(command) }
  }

  /** Undefined: Python starts without one, which takes seconds. */
  async #makeSnapshot(
    machine: Machine,
    pyodide: string,
    runtime: 'node' | 'deno',
  ): Promise<string | undefined> {
    try {
      const folder = this.#options.snapshots ?? join(this.#options.folder, 'snapshot')
      const path = await snapshotPath(folder, pyodide, runtime)
      if (!isMade(path))
        await makeSnapshot(
          path,
          pythonCommand(machine, { runtime, pyodide, mode: 'snapshot' }, limitsOf()),
        )
      return path
    } catch (error) {
      this.#options.log.warn('no snapshot of Python could be made', { error: String(error) })
      return undefined
    }
  }

  async #machine(): Promise<Machine> {
    return this.#options.machine ?? (await findMachine())
  }

  /** Behind bubblewrap both are equal; without it Deno's walls are the higher ones. */
  #runtime(machine: Machine): 'node' | 'deno' | undefined {
    const asked = this.#options.runtime ?? (machine.deno && !machine.bwrap ? 'deno' : 'node')
    return asked === 'deno' && !machine.deno ? undefined : asked
  }
}

/** The folder of the package, if it is installed. */
export function findPyodide(): string | undefined {
  try {
    return dirname(createRequire(import.meta.url).resolve('pyodide/package.json'))
  } catch {
    return undefined
  }
}
