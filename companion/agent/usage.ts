import { SiloError } from '#shared/errors/silo-error.ts'

/** Limits of one task. */
export interface TaskLimits {
  /** Tool calls of the free agent. */
  readonly steps: number
  /** Ms of work; waiting for a person does not count. */
  readonly workMs: number
  /** Tokens read and written by the model. */
  readonly tokens: number
}
export const defaultLimits: TaskLimits = { steps: 25, workMs: 60 * 60_000, tokens: 400_000 }

export type ModelAnswered = (usage: { promptTokens: number; completionTokens: number }) => void

const tickMs = 1000

/** Counts what a task uses and ends it at its limits. Time counts only while it works. */
export class UsageMeter {
  readonly #limits: TaskLimits
  readonly #over = new AbortController()
  readonly #timer: NodeJS.Timeout
  #waits = 0
  #worked = 0
  #tokens = 0

  constructor(limits: TaskLimits) {
    this.#limits = limits
    this.#timer = setInterval(() => this.#tick(), tickMs)
    this.#timer.unref()
  }

  /** Aborted with task_limit when the time is used up. */
  get signal(): AbortSignal {
    return this.#over.signal
  }

  readonly answered: ModelAnswered = ({ promptTokens, completionTokens }) => {
    this.#tokens += promptTokens + completionTokens
  }

  /** @throws SiloError task_limit */
  check(): void {
    this.#over.signal.throwIfAborted()
    if (this.#tokens > this.#limits.tokens)
      throw new SiloError('task_limit', { params: { detail: `${this.#limits.tokens} tokens` } })
  }

  /** Time does not count meanwhile. */
  async waiting<T>(wait: () => Promise<T>): Promise<T> {
    this.#waits++
    try {
      return await wait()
    } finally {
      this.#waits--
    }
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  #tick(): void {
    if (this.#waits === 0) this.#worked += tickMs
    if (this.#worked > this.#limits.workMs)
      this.#over.abort(
        new SiloError('task_limit', {
          params: { detail: `${Math.round(this.#limits.workMs / 60_000)} min` },
        }),
      )
  }
}
