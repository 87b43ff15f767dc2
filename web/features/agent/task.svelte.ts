import type { ChangeBatch } from '#shared/domain/agent-task.ts'
import type { Approval } from '#shared/domain/approval.ts'
import { toSiloError, type SiloError } from '#shared/errors/silo-error.ts'
import { pauseTask, readTask, resumeTask } from '#web/client/agent/requests.ts'
import { emptyTask, foldTask, type TaskView } from '#web/client/agent/task-view.ts'
import { cancelRun } from '#web/client/run-actions.ts'
import { followRun, onChange } from '#web/client/stream.ts'

/** One task as a conversation shows it: its run from the first event on, what it asked, and what it changed. */
export class Task {
  readonly id: string
  #view = $state.raw<TaskView>()
  #approvals = $state.raw<readonly Approval[]>([])
  #batches = $state.raw<readonly ChangeBatch[]>([])
  #failure = $state.raw<SiloError>()
  #read = new AbortController()

  constructor(id: string) {
    this.id = id
  }

  /** Undefined until the first event is known. */
  get view(): TaskView | undefined {
    return this.#view
  }
  get batches(): readonly ChangeBatch[] {
    return this.#batches
  }
  /** Why its events cannot be read. */
  get failure(): SiloError | undefined {
    return this.#failure
  }

  approval(id: string): Approval | undefined {
    return this.#approvals.find((approval) => approval.id === id)
  }

  start(): () => void {
    let view = emptyTask(this.id)
    let drawing = false
    const draw = (): void => {
      drawing = false
      this.#view = view
    }
    const stop = followRun(this.id, {
      onEvent: (event) => {
        view = foldTask(view, event)
        // A log is read at once, and a program may write much: drawn once for a burst.
        if (!drawing) setTimeout(draw, 16)
        drawing = true
        const { type } = event.body
        if (['changes-made', 'approval-request', 'approval-answer', 'run-ended'].includes(type)) void this.load() // prettier-ignore
      },
      onError: (error) => (this.#failure = error),
    })
    // What was undone on another device, or in the journal.
    const stopChanges = onChange('conversations', () => void this.load())
    void this.load()
    return () => {
      stop()
      stopChanges()
      this.#read.abort()
    }
  }

  /** Reads what it asked and changed. A failure keeps what is known. */
  async load(): Promise<void> {
    this.#read.abort()
    const { signal } = (this.#read = new AbortController())
    try {
      const { approvals, batches } = await readTask(this.id, signal)
      if (signal.aborted) return
      this.#approvals = approvals
      this.#batches = batches
    } catch (cause) {
      if (!signal.aborted && !this.#view) this.#failure = toSiloError(cause, 'page')
    }
  }

  pause(): Promise<void> {
    return pauseTask(this.id)
  }
  resume(): Promise<void> {
    return resumeTask(this.id)
  }
  async stop(): Promise<void> {
    await cancelRun(this.id)
  }
}
