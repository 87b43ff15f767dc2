import { newId } from '#shared/domain/ids.ts'
import { runListSchema } from '#shared/protocol/api.ts'
import { checkResponseSchema, runStartedSchema, type CheckReport } from '#shared/protocol/ingest.ts'
import { request } from '#web/client/api.ts'
import { noteOwnRun } from '#web/client/read-marks.ts'
import { Resource } from '#web/client/resource.svelte.ts'
import { cancelRun } from '#web/client/run-actions.ts'
import { RunWatch } from '#web/client/run-watch.svelte.ts'

/** The check of the vault: what the last one found, and the one that runs. */
export class VaultCheckStore {
  readonly report = new Resource<CheckReport | null>(async (signal) => {
    const { report } = await request('/api/vault/check', checkResponseSchema, { signal })
    return report
  })
  readonly runs = new RunWatch()
  /** The newest check seen on this page, wherever it was begun; its outcome stays readable. */
  runId = $state<string>()

  start(): () => void {
    void this.report.load()
    void this.#find()
    return () => {
      this.runs.dispose()
      this.report.dispose()
    }
  }

  /** Checks, and with `repair` sets right what differs. */
  async check(repair: boolean): Promise<void> {
    const body = { id: newId(), repair }
    const { run } = await request('/api/vault/check', runStartedSchema, { method: 'POST', body })
    noteOwnRun(run.id)
    this.#follow(run.id)
  }

  async stop(): Promise<void> {
    if (this.runId) await cancelRun(this.runId)
  }

  /** One that was begun elsewhere. Without an answer there is just none to show. */
  async #find(): Promise<void> {
    const { runs } = await request('/api/runs?active=1', runListSchema).catch(() => ({ runs: [] }))
    const running = runs.find(({ kind }) => kind === 'check')
    if (running) this.#follow(running.id)
  }

  #follow(runId: string): void {
    this.runId = runId
    this.runs.follow(runId, () => void this.report.load())
  }
}
