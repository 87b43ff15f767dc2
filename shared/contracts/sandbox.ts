/**
 * The seam to the jails in which foreign programs run: no network, an empty environment, copies of the files they
 * were given, limits on everything. One suite in tests/contracts/sandbox.ts.
 */
export interface Sandbox extends AsyncDisposable {
  readonly specVersion: 1
  /** `python-deno`, `python-node`, `shell-bwrap`, `fake`, … */
  readonly id: string
  /** Can it run here, and behind which walls? Never throws for "no". */
  probe(signal: AbortSignal): Promise<SandboxProbe>
  /**
   * Runs one job to its end; the events come while it runs, `end` last. Nothing of the job is left on disk afterwards but
   * what `end` names, in a folder that the caller deletes. Aborting ends it with outcome `cancelled`.
   * @throws SiloError sandbox_unavailable, sandbox_input_invalid before any event
   */
  run(job: SandboxJob, signal: AbortSignal): AsyncIterable<SandboxEvent>
}

export interface SandboxProbe {
  readonly available: boolean
  readonly reason?: string
  /** The walls, outermost first: `bubblewrap`, `rlimits`, `deno-permissions`, … */
  readonly walls: readonly string[]
  /** Python packages beside the standard library that can be imported. */
  readonly packages: readonly string[]
}

export type SandboxJob = SandboxLimits &
  (
    | {
        readonly kind: 'python'
        readonly code: string
        /** Copied to `/work/<name>`, where the program starts; a name may have folders, never `..`. */
        readonly files: readonly { readonly name: string; readonly source: string }[]
      }
    | {
        readonly kind: 'shell'
        readonly argv: readonly string[]
        readonly cwd: string
        /**
         * The only folders it sees, at their own paths, besides a read-only system. `write`: it gets a copy, and
         * what it changed there is in `end`; the folder itself stays as it is.
         */
        readonly folders: readonly { readonly path: string; readonly write: boolean }[]
      }
  )

export interface SandboxLimits {
  readonly limits?: {
    readonly wallMs?: number
    readonly cpuSeconds?: number
    readonly memoryBytes?: number
    /** Of stdout and stderr together; what is over it ends the job. */
    readonly outputBytes?: number
    /** Of all files it leaves together, and how many. */
    readonly fileBytes?: number
    readonly files?: number
  }
}

export type SandboxEvent =
  | { readonly type: 'output'; readonly stream: 'stdout' | 'stderr'; readonly text: string }
  /** A file as it is while the program goes on: not each one, not each time, none that is large. `end` has them all. */
  | { readonly type: 'file'; readonly name: string; readonly content: Uint8Array }
  | {
      readonly type: 'end'
      readonly outcome: 'done' | 'error' | 'cancelled' | 'time-limit' | 'memory-limit' | 'output-limit' | 'file-limit' | 'crashed'
      readonly exitCode?: number
      /** A traceback's last line, or what the jail refused. */
      readonly error?: string
      /** Folder with the files it made or changed; the caller deletes it. Empty unless it ended by itself. */
      readonly folder: string
      /** A shell's files are named `<number of its folder in the job>/<path below it>`. */
      readonly files: readonly { readonly name: string; readonly size: number }[]
      /** What a shell removed from its copies, named in the same way. */
      readonly removed?: readonly string[]
      /** Folders it made there. */
      readonly made?: readonly string[]
      readonly ms: number
    } // prettier-ignore
