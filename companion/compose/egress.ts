import type { DatabaseSync } from 'node:sqlite'
import type { ChangeFeed } from '#companion/observe/change-feed.ts'
import { EgressGate } from '#companion/observe/egress-gate.ts'
import { EgressLedger } from '#companion/observe/egress.ts'
import type { Log } from '#companion/observe/log.ts'

/** The one way out, and the list of what took it. From here on this process connects to nothing unannounced. */
export function composeEgress(init: {
  readonly database: DatabaseSync
  readonly changes: ChangeFeed
  readonly log: Log
  /** @throws SiloError switch_off */
  requireWeb(): void
}) {
  const { database, changes, log, requireWeb } = init
  const ledger = new EgressLedger(database, () => changes.publish('settings', 'egress'))
  return { ledger, gate: new EgressGate({ ledger, requireWeb, log }) }
}
