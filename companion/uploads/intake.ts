import type { Log } from '#companion/observe/log.ts'
import type { RunSummary } from '#shared/protocol/run-event.ts'
import type { UploadRecords } from './upload-records.ts'

export interface IntakeInit {
  readonly records: UploadRecords
  readonly log: Log
  /** Starts the ingest that reads the collection's uploads. */
  start(collectionId: string, space: string): RunSummary
  /** The ingest of this collection that goes on now. */
  active(collectionId: string): string | undefined
  finished(runId: string): Promise<RunSummary>
  /** How a run of an earlier time ended; undefined where it is not known any more. */
  outcomeOf(runId: string): RunSummary['outcome']
}

/** Has arrived files read: one ingest at a time for each collection, one for all that came meanwhile. */
export class Intake {
  readonly #init: IntakeInit
  readonly #waiting = new Map<string, string>()
  readonly #working = new Set<string>()
  #closed = false

  constructor(init: IntakeInit) {
    this.#init = init
  }

  /** Begins with what an earlier process left unread. */
  recover(): void {
    const { records, outcomeOf } = this.#init
    for (const runId of records.runIds())
      if (outcomeOf(runId) === 'interrupted') records.clearRun(runId)
    for (const { collectionId, space } of records.unread()) this.wanted(collectionId, space)
  }

  /** A file of this collection is there. Where nothing reads the collection now, its ingest has begun on return. */
  wanted(collectionId: string, space: string): void {
    this.#waiting.set(collectionId, space)
    if (this.#working.has(collectionId)) return
    this.#working.add(collectionId)
    void this.#work(collectionId)
  }

  close(): void {
    this.#closed = true
  }

  async #work(collectionId: string): Promise<void> {
    const { records, log, start, active, finished } = this.#init
    try {
      while (this.#waiting.has(collectionId) && !this.#closed) {
        const busy = active(collectionId)
        if (busy !== undefined) {
          await finished(busy)
          continue
        }
        const space = this.#waiting.get(collectionId) ?? ''
        this.#waiting.delete(collectionId)
        const { id } = start(collectionId, space)
        records.setRun(collectionId, id)
        const { outcome } = await finished(id)
        if (outcome === 'interrupted') records.clearRun(id)
      }
    } catch (error) {
      this.#waiting.delete(collectionId)
      if (!this.#closed) log.warn('uploaded files were not read', { collectionId, error })
    } finally {
      this.#working.delete(collectionId)
    }
  }
}
