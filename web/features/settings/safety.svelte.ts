import { newId } from '#shared/domain/ids.ts'
import {
  backupStartedSchema,
  safetySchema,
  type Safety,
  type StartBackup,
} from '#shared/protocol/safety.ts'
import { request } from '#web/client/api.ts'
import { Resource } from '#web/client/resource.svelte.ts'
import { cancelRun } from '#web/client/run-actions.ts'
import { RunWatch } from '#web/client/run-watch.svelte.ts'
import { onChange } from '#web/client/stream.ts'

/** Encryption at rest as it is, and backups. */
export class SafetyStore {
  readonly safety = new Resource<Safety>(async (signal) => {
    const safety = await request('/api/safety', safetySchema, { signal })
    if (safety.runId) this.#follow(safety.runId)
    return safety
  })
  readonly runs = new RunWatch()
  /** The newest backup seen on this page; its outcome stays readable. */
  runId = $state<string>()

  start(): () => void {
    void this.safety.load()
    const stop = onChange('settings', ({ id }) => {
      if (id === undefined || id === 'safety') void this.safety.load()
    })
    return () => {
      stop()
      this.runs.dispose()
      this.safety.dispose()
    }
  }

  /** @throws SiloError passphrase_short, path_not_found, conflict */
  async backUp(wanted: Omit<StartBackup, 'id'>): Promise<void> {
    const body = { ...wanted, id: newId() }
    const { run } = await request('/api/backups', backupStartedSchema, { method: 'POST', body })
    this.#follow(run.id)
  }

  async stop(): Promise<void> {
    if (this.runId) await cancelRun(this.runId)
  }

  #follow(runId: string): void {
    this.runId = runId
    this.runs.follow(runId, () => void this.safety.load())
  }
}
