import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import type { DiskTask, DiskTasks } from './disk-tasks.ts'

interface Pending {
  /** Of the file that is written to. */
  readonly fd: number | undefined
  resolve(result: unknown): void
  reject(error: Error): void
}

interface Thread {
  readonly worker: Worker
  readonly pending: Map<number, Pending>
}

/** An error of the operating system in a thread; `code` as of node:fs. */
export class DiskError extends Error {
  readonly code: string

  constructor(code: string, message: string) {
    super(message)
    this.code = code
  }
}

/**
 * Threads that read, hash and write for all folders of this process: hashing would hold up everything else, and one
 * call for hundreds of small files is several times faster than a promise for each.
 */
export class Disk implements AsyncDisposable {
  static #shared: { disk: Disk; users: number } | undefined
  readonly #threads: Thread[] = []
  readonly #size: number
  #nextId = 1
  #closed = false

  constructor(size = Math.min(4, Math.max(2, availableParallelism()))) {
    this.#size = size
  }

  /** The one of this process; it ends with its last user. */
  static share(): { disk: Disk; release(): Promise<void> } {
    const shared = (Disk.#shared ??= { disk: new Disk(), users: 0 })
    shared.users++
    let released = false
    return {
      disk: shared.disk,
      release: async () => {
        if (released) return
        released = true
        if (--shared.users > 0) return
        if (Disk.#shared === shared) Disk.#shared = undefined
        await shared.disk[Symbol.asyncDispose]()
      },
    }
  }

  /** @throws DiskError */
  run<K extends keyof DiskTasks>(
    task: DiskTasks[K]['task'] & { kind: K },
    moved: ArrayBuffer[] = [],
  ): Promise<DiskTasks[K]['result']> {
    if (this.#closed) return Promise.reject(new DiskError('closed', 'the disk threads have ended'))
    const thread = this.#threadFor(task)
    const id = this.#nextId++
    const fd = writtenBy(task)
    return new Promise((resolve, reject) => {
      thread.pending.set(id, { resolve: resolve as (result: unknown) => void, reject, fd })
      thread.worker.ref()
      thread.worker.postMessage({ id, task }, moved)
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true
    // What is being written is finished: a thread ended half-way would leave its temporary files.
    const open = this.#threads.flatMap(({ pending }) => [...pending.values()])
    if (open.length > 0) {
      const { promise, resolve } = Promise.withResolvers<void>()
      const timer = setTimeout(resolve, 5000)
      const check = setInterval(() => {
        if (this.#threads.every(({ pending }) => pending.size === 0)) resolve()
      }, 5)
      await promise
      clearTimeout(timer)
      clearInterval(check)
    }
    await Promise.all(this.#threads.map(({ worker }) => worker.terminate()))
  }

  /** Two threads that write to one file only wait for each other: the second write goes where the first does. */
  #threadFor(task: DiskTask): Thread {
    const wanted = writtenBy(task)
    if (wanted === undefined) return this.#idlest()
    const writes = ({ pending }: Thread) => [...pending.values()].some(({ fd }) => fd === wanted)
    return this.#threads.find(writes) ?? this.#idlest()
  }

  #idlest(): Thread {
    const idle = this.#threads.find(({ pending }) => pending.size === 0)
    if (idle) return idle
    if (this.#threads.length < this.#size) return this.#start()
    return this.#threads.reduce((a, b) => (b.pending.size < a.pending.size ? b : a))
  }

  #start(): Thread {
    const worker = new Worker(new URL('./disk-worker.ts', import.meta.url), {
      execArgv: [],
      name: 'sync-disk',
      // Temporary files are opened in one thread, written in all and closed in any.
      trackUnmanagedFds: false,
    })
    const thread: Thread = { worker, pending: new Map() }
    worker.on('message', ({ id, result, error }) => {
      const pending = thread.pending.get(id)
      thread.pending.delete(id)
      if (thread.pending.size === 0) worker.unref()
      if (error) pending?.reject(new DiskError(error.code, error.message))
      else pending?.resolve(result)
    })
    const gone = (error?: Error) => {
      const index = this.#threads.indexOf(thread)
      if (index >= 0) this.#threads.splice(index, 1)
      for (const { reject } of thread.pending.values())
        reject(new DiskError('closed', error?.message ?? 'a disk thread ended'))
      thread.pending.clear()
    }
    worker.on('error', gone)
    worker.on('exit', () => gone())
    this.#threads.push(thread)
    return thread
  }
}

function writtenBy(task: DiskTask): number | undefined {
  return task.kind === 'write' ? task.fd : undefined
}
