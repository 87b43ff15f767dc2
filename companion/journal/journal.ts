import type { Log } from '#companion/observe/log.ts'
import type { ChangeBatch } from '#shared/domain/agent-task.ts'
import type { ChangePlan, ChangeResult } from '#shared/domain/file-change.ts'
import { SiloError, toWire } from '#shared/errors/silo-error.ts'
import { changeError } from './change-error.ts'
import { resultOf, type JournalRecords, type StepRecord } from './journal-records.ts'
import { makeStep, settleStep, undoStep, type StepDeps } from './steps.ts'

const hourMs = 3600 * 1000
/** Files that may be changed within an hour, unless composed otherwise. */
export const defaultHourlyChanges = 20_000

export interface JournalInit extends StepDeps {
  readonly records: JournalRecords
  readonly log: Log
  readonly hourlyChanges?: number
  readonly onChange?: (batch: ChangeBatch) => void
}

export interface MakeRequest {
  /** Given by the caller, so that a batch begun before a restart is the same batch. */
  readonly id: string
  readonly taskId: string
  readonly approvalId?: string
  readonly plan: ChangePlan
}

/**
 * Makes approved changes one after the other, each written down before it happens, and takes them back. Nothing is ever
 * deleted or written over. One batch at a time.
 */
export class Journal {
  readonly #init: JournalInit
  #turn: Promise<unknown> = Promise.resolve()

  constructor(init: JournalInit) {
    this.#init = init
  }

  /**
   * Makes a batch, or goes on with the one that has this id. A change that fails does not stop the others, but those
   * below a failed folder fail too. Aborting ends it between two changes; the rest is `skipped`.
   * @throws SiloError change_limit before anything is changed
   */
  make(request: MakeRequest, signal: AbortSignal): Promise<readonly ChangeResult[]> {
    return this.#alone(async () => {
      const { records } = this.#init
      if (!records.has(request.id)) {
        const limit = this.#init.hourlyChanges ?? defaultHourlyChanges
        const { changes, title } = request.plan
        if (records.madeSince(Date.now() - hourMs) + changes.length > limit)
          throw new SiloError('change_limit', { params: { limit } })
        records.begin({ id: request.id, taskId: request.taskId, approvalId: request.approvalId, title }, changes) // prettier-ignore
      }
      await this.#each(request.id, ['planned'], makeStep, 'failed', signal)
      this.#settled(request.id, 'made')
      return records.steps(request.id).map(resultOf)
    })
  }

  /**
   * Takes back what stands of a batch, the last change first. What cannot be taken back stays, with the reason.
   * @throws SiloError batch_unknown
   */
  undo(
    batchId: string,
    changeIds: readonly string[] | undefined,
    signal: AbortSignal,
  ): Promise<ChangeBatch> {
    // prettier-ignore
    return this.#alone(async () => {
      const { records } = this.#init
      records.batch(batchId)
      records.setState(batchId, 'undoing')
      await this.#each(batchId, ['done'], undoStep, 'done', signal, changeIds, true)
      return this.#settled(batchId)
    })
  }

  /** Makes again what was taken back. @throws SiloError batch_unknown */
  redo(
    batchId: string,
    changeIds: readonly string[] | undefined,
    signal: AbortSignal,
  ): Promise<ChangeBatch> {
    // prettier-ignore
    return this.#alone(async () => {
      const { records } = this.#init
      records.batch(batchId)
      records.setState(batchId, 'making')
      await this.#each(batchId, ['undone'], redoStep, 'undone', signal, changeIds)
      return this.#settled(batchId)
    })
  }

  /** @throws SiloError batch_unknown */
  get(batchId: string): ChangeBatch {
    return this.#init.records.batch(batchId)
  }

  /** Newest first. */
  list(of: { taskId?: string | undefined; limit: number }): ChangeBatch[] {
    return this.#init.records.batches(of)
  }

  /** Changes of a task that stand. */
  standing(taskId: string): number {
    return this.#init.records.standing(taskId)
  }

  /**
   * After a crash: finds out how far each interrupted change came. What was planned and not begun stays undone; a task
   * that goes on makes it. Called once, before anything else.
   */
  async recover(): Promise<void> {
    const { records, log } = this.#init
    for (const { id } of records.unsettled()) {
      for (const step of records.steps(id)) {
        if (step.state !== 'doing' && step.state !== 'undoing') continue
        try {
          records.set(await settleStep(step))
        } catch (error) {
          log.error('an interrupted change could not be settled', { batchId: id, n: step.n, error })
          records.set({ ...step, state: 'failed', error: toWire(changeError(pathOf(step), error)) })
        }
      }
      this.#settled(id)
    }
  }

  async #each(
    batchId: string,
    from: readonly StepRecord['state'][],
    work: typeof makeStep,
    onFailure: StepRecord['state'],
    signal: AbortSignal,
    changeIds?: readonly string[],
    backwards = false,
  ): Promise<void> {
    const { records, log } = this.#init
    const wanted = changeIds && new Set(changeIds)
    const steps = records.steps(batchId)
    for (const step of backwards ? steps.toReversed() : steps) {
      if (!from.includes(step.state) || (wanted && !wanted.has(step.change.id))) continue
      if (signal.aborted) return
      const { error: _before, ...clean } = step
      let last: StepRecord = clean
      const note = (next: StepRecord): void => records.set((last = next))
      try {
        records.set(await work(clean, this.#init, note))
      } catch (cause) {
        const error = changeError(pathOf(step), cause)
        log.warn('a change was not made', { batchId, n: step.n, code: error.code, error: cause })
        // Half of it may be done: a replaced file whose new content had no room.
        const begun = last.state === 'doing' || last.state === 'undoing'
        const settled = begun ? await settleStep(last).catch(() => last) : last
        const known = begun && (settled.state === 'done' || settled.state === 'undone')
        const state = known ? settled.state : onFailure
        records.set({ ...settled, state, error: toWire(error) })
      }
    }
  }

  #settled(batchId: string, state?: ChangeBatch['state']): ChangeBatch {
    const { records, onChange } = this.#init
    const stands = records.steps(batchId).some((step) => step.state === 'done')
    const undone = records.steps(batchId).some((step) => step.state === 'undone')
    records.setState(batchId, state ?? (!stands && undone ? 'undone' : 'made'))
    const batch = records.batch(batchId)
    onChange?.(batch)
    return batch
  }

  #alone<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(work, work)
    this.#turn = turn.catch(() => {})
    return turn
  }
}

/** As the first time, but from where it was put back to. */
async function redoStep(
  step: StepRecord,
  deps: StepDeps,
  note: (step: StepRecord) => void,
): Promise<StepRecord> {
  const { change, path } = step
  const { path: _path, after: _after, ...clean } = step
  if ((change.type === 'move' || change.type === 'trash') && path) {
    const moved = change.type === 'move' ? { ...change, from: path } : { ...change, path }
    const made = await makeStep({ ...clean, change: moved }, deps, (next) => note({ ...next, change })) // prettier-ignore
    return { ...made, change }
  }
  return makeStep(clean, deps, note)
}

function pathOf({ change, path }: StepRecord): string {
  return path ?? (change.type === 'move' ? change.from : change.path)
}
