import { AsyncLocalStorage } from 'node:async_hooks'
import type { EgressKind } from '#shared/protocol/egress.ts'

/** Says what a connection is for, before it is made. */
export interface Announcement {
  readonly kind: EgressKind
  /** The host that is asked, name or address, without a port. */
  readonly host: string
  /** What for: a model's name, a tool's. Never content. */
  readonly purpose: string
  /** The device it is for, where there is one. */
  readonly device?: string
  /** Hosts that this one sends on to may be asked too; each is on the ledger. */
  readonly redirects?: boolean
  /** Only public addresses: what a name resolves to is looked at, too. */
  readonly publicOnly?: boolean
}

/** What the guard knows of the work that makes a connection. */
export interface Outgoing {
  readonly announcement?: Announcement
  readonly runId?: string
  /** Rows of this announcement by host, so that many connections are one line. */
  readonly rows: Map<string, Map<object, number>>
  /** The one ledger it goes to; absent: all of this process. */
  readonly ledger?: object
}

const store = new AsyncLocalStorage<Outgoing>()

/** What the running work has announced. */
export function outgoing(): Outgoing | undefined {
  return store.getStore()
}

/** Runs work whose connections are of a run. */
export function ofRun<T>(runId: string, work: () => T): T {
  return store.run({ ...store.getStore(), runId, rows: new Map() }, work)
}

/** Runs work that may connect to the announced host; everything it starts may. Nothing is recorded before it connects. */
export function announcing<T>(announcement: Announcement, work: () => T, ledger?: object): T {
  const before = store.getStore()
  return store.run(
    { ...before, announcement, rows: new Map(), ...(ledger ? { ledger } : {}) },
    work,
  )
}
