import type { Disk } from './disk.ts'
import type { Entry, Failure, Hashed } from './disk-tasks.ts'

const batchFiles = 256
const batchBytes = 16 * 1024 * 1024
/** Batches that are read at once. */
const hashers = 3
/** A stretch of a large file that is worth a thread of its own. */
const partBytes = 32 * 1024 * 1024

/** A name that is to be looked at more closely, and the version it had then. */
export interface Suspect {
  readonly entry: Entry
  /** Sequence of what was known; 0: nothing. */
  readonly sequence: number
  readonly blockSize?: number
}

/** A large file is alone in its batch, and read by several threads. */
export async function hashesOf(
  disk: Disk,
  root: string,
  batch: readonly Suspect[],
  cancel: Int32Array,
): Promise<readonly (Hashed | Failure)[]> {
  const files = batch.map(({ entry, blockSize }) => ({
    name: entry.name,
    ...(blockSize ? { blockSize } : {}),
  }))
  const count = Math.min(hashers, Math.floor(batch[0]!.entry.size / partBytes))
  if (batch.length > 1 || count < 2) return disk.run({ kind: 'hash', root, files, cancel })
  const parts = await Promise.all(
    Array.from({ length: count }, (_, index) =>
      disk.run({ kind: 'hash', root, files: [{ ...files[0]!, part: { index, count } }], cancel }),
    ),
  )
  return [joined(parts.map(([part]) => part!))]
}

/** The stretches of one file; `changed` where it did not hold still between them. */
function joined(parts: readonly (Hashed | Failure)[]): Hashed | Failure {
  const failure = parts.find((part) => 'code' in part)
  if (failure) return failure
  const found = parts as readonly Hashed[]
  const [first] = found
  const { name, stat } = first!.entry
  if (found.some(({ entry }) => entry.stat !== stat)) return { name, code: 'changed' }
  const hashes = Buffer.concat(found.map((part) => part.hashes))
  return { ...first!, hashes, fresh: found.some(({ fresh }) => fresh) }
}

function batchesOf(files: readonly Suspect[]): Suspect[][] {
  const batches: Suspect[][] = []
  let bytes = Infinity
  for (const file of files) {
    const last = batches.at(-1)
    if (!last || bytes + file.entry.size > batchBytes || last.length >= batchFiles) {
      batches.push([file])
      bytes = file.entry.size
    } else {
      last.push(file)
      bytes += file.entry.size
    }
  }
  return batches
}

/** Reads what is found while more is being found. */
export class HashQueue implements AsyncDisposable {
  readonly #work: (batch: readonly Suspect[], cancel: Int32Array) => Promise<void>
  readonly #signal: AbortSignal
  readonly #cancel = new Int32Array(new SharedArrayBuffer(4))
  readonly #batches: Suspect[][] = []
  readonly #readers = new Set<Promise<void>>()
  #failure: { readonly error: unknown } | undefined

  /** `cancel`: for `hashesOf`. */
  constructor(
    work: (batch: readonly Suspect[], cancel: Int32Array) => Promise<void>,
    signal: AbortSignal,
  ) {
    this.#work = work
    this.#signal = signal
    signal.addEventListener('abort', this.#stop, { once: true })
  }

  add(files: readonly Suspect[]): void {
    this.#batches.push(...batchesOf(files))
    while (this.#readers.size < hashers && this.#batches.length > 0) {
      const reader = this.#read().finally(() => this.#readers.delete(reader))
      this.#readers.add(reader)
    }
  }

  /** Resolves when all that was added is read. @throws what the work threw first; the signal's reason */
  async drained(): Promise<void> {
    await Promise.all(this.#readers)
    this.#signal.throwIfAborted()
    if (this.#failure) throw this.#failure.error
  }

  /** Ends what goes on; what waits is dropped. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop()
    this.#signal.removeEventListener('abort', this.#stop)
    await Promise.all(this.#readers)
  }

  readonly #stop = (): void => {
    this.#batches.length = 0
    Atomics.store(this.#cancel, 0, 1)
  }

  async #read(): Promise<void> {
    try {
      for (let batch = this.#batches.shift(); batch; batch = this.#batches.shift()) {
        this.#signal.throwIfAborted()
        await this.#work(batch, this.#cancel)
      }
    } catch (error) {
      this.#batches.length = 0
      this.#failure ??= { error }
    }
  }
}
