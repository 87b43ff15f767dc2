import { join } from 'node:path'
import type { DatabaseSync } from 'node:sqlite'
import type { EgressGate } from '#companion/observe/egress-gate.ts'
import type { Log } from '#companion/observe/log.ts'
import { pushKeys, type PushKeys } from '#companion/push/push-keys.ts'
import { PushRecords } from '#companion/push/push-records.ts'
import { Push } from '#companion/push/push.ts'
import type { SecretFiles } from '#companion/seal/secret-files.ts'
import type { RunRegistry } from '#companion/runs/registry.ts'

interface Parts {
  readonly home: string
  readonly secrets: SecretFiles
  readonly database: DatabaseSync
  readonly egress: EgressGate
  readonly runs: RunRegistry
  readonly enabled: () => boolean
  readonly spaceOfDevice: (deviceId: string) => string | undefined
  readonly log: Log
}

/** Web Push that listens for runs that end, or ask for leave. */
export function composePush({ home, secrets, database, runs, ...rest }: Parts): Push {
  let keys: PushKeys | undefined
  const push = new Push({
    ...rest,
    records: new PushRecords(database),
    keys: () => (keys ??= pushKeys(secrets.text(join(home, 'push-key')))),
  })
  runs.subscribe(({ runId, body }) => {
    if (body.type === 'approval-request') push.approvalWaits(runId, body.approvalId)
    if (body.type === 'approval-answer') push.approvalOver(body.approvalId)
    // The record is complete when the listeners of its last event have been told.
    if (body.type === 'run-ended') queueMicrotask(() => void push.runEnded(runs.record(runId)))
  })
  return push
}
