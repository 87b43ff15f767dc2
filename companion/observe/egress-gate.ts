import { SiloError } from '#shared/errors/silo-error.ts'
import type { EgressLedger } from './egress.ts'
import type { Log } from './log.ts'
import { announcing, type Announcement } from './outbound.ts'
import { watchOutbound, type Attempt, type Flow, type Watcher } from './outbound-guard.ts'

export interface EgressGateInit {
  readonly ledger: EgressLedger
  /** The switch "web search". @throws SiloError switch_off */
  requireWeb(): void
  readonly log: Log
}

/** How often open connections are counted, and asked whether they still may, ms. */
const countMs = 5000
const web = new Set<Announcement['kind']>(['search', 'fetch'])

/**
 * Everything a process of Silo sends passes here: connections outside must be announced, and are on the ledger before
 * they are made; those within the house are summed by peer; what is on this computer is nobody's business.
 */
export class EgressGate implements Disposable {
  readonly #init: EgressGateInit
  readonly #watcher: Watcher
  readonly #unwatch: () => void
  readonly #flows = new Map<Flow, { sent: number; received: number }>()
  readonly #house = new Map<string, { connections: number; sent: number; received: number }>()
  readonly #timer: NodeJS.Timeout

  constructor(init: EgressGateInit) {
    this.#init = init
    this.#watcher = {
      permit: (attempt) => this.#permit(attempt),
      refused: (attempt, reason) => this.#refused(attempt, reason),
      opening: (attempt) => this.#opening(attempt),
      opened: (flow) => this.#opened(flow),
      closed: (flow) => this.#closed(flow),
      datagram: (attempt, bytes) => this.#datagram(attempt, bytes),
    }
    this.#unwatch = watchOutbound(this.#watcher)
    this.#timer = setInterval(() => this.flush(), countMs).unref()
  }

  /** Runs work that may connect to the announced host. Its line is written when it connects. */
  announce<T>(announcement: Announcement, work: () => T): T {
    return announcing(announcement, work, this.#watcher)
  }

  /** Writes a line for what passes no guard of this process: a program that was started. @throws where it cannot be written */
  note(entry: Pick<Announcement, 'kind' | 'host' | 'purpose'>): void {
    this.#init.ledger.record({ ...entry, place: 'outside' })
  }

  /** Counts what open connections have sent until now, and ends those that may not go on: the switch is off again. */
  flush(): void {
    for (const [flow] of this.#flows) {
      this.#count(flow)
      try {
        this.#permit(flow.attempt)
      } catch (error) {
        flow.end(error as Error)
      }
    }
    for (const [host, sum] of this.#house) this.#init.ledger.addHouse(host, sum)
    this.#house.clear()
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer)
    try {
      this.flush()
      this.#flows.clear()
    } finally {
      this.#unwatch()
    }
  }

  #permit({ announcement, place }: Attempt): void {
    if (!announcement) return
    const isWeb = web.has(announcement.kind) || (announcement.kind === 'mcp' && place === 'outside')
    if (isWeb) this.#init.requireWeb()
  }

  #refused({ host, place, outgoing }: Attempt, reason: unknown): void {
    const { kind = 'unknown', purpose = '', device } = outgoing?.announcement ?? {}
    this.#init.log.warn('a connection was refused', { host, kind, purpose, reason })
    try {
      this.#init.ledger.record({
        kind,
        host,
        place,
        purpose,
        refused: true,
        ...(device === undefined ? {} : { device }),
        ...(outgoing?.runId === undefined ? {} : { runId: outgoing.runId }),
      })
    } catch (error) {
      this.#init.log.error('a refused connection could not be noted', { error })
    }
  }

  #opening(attempt: Attempt): void {
    const { announcement, outgoing, host, place } = attempt
    if (!announcement || !outgoing) return
    // Devices of ours are many connections a day: within the house they are summed.
    if (announcement.kind === 'peer' && place !== 'outside') return
    const rows = outgoing.rows.get(host) ?? new Map<object, number>()
    outgoing.rows.set(host, rows)
    if (rows.has(this)) return
    const { kind, purpose, device } = announcement
    rows.set(
      this,
      this.#init.ledger.record({
        kind,
        host,
        place,
        purpose,
        ...(device === undefined ? {} : { device }),
        ...(outgoing.runId === undefined ? {} : { runId: outgoing.runId }),
      }),
    )
  }

  #opened(flow: Flow): void {
    const id = this.#rowOf(flow)
    this.#flows.set(flow, { sent: 0, received: 0 })
    if (id !== undefined) {
      this.#write(() => this.#init.ledger.add(id, { connections: 1 }))
      flow.reached = (place) => this.#write(() => this.#init.ledger.add(id, { place }))
    } else if (flow.attempt.place === 'house') this.#sum(flow.attempt.host, 1, 0, 0)
  }

  #closed(flow: Flow): void {
    this.#count(flow)
    this.#flows.delete(flow)
  }

  #count(flow: Flow): void {
    const before = this.#flows.get(flow)
    if (!before) return
    const now = flow.moved()
    const [sent, received] = [now.sent - before.sent, now.received - before.received]
    if (sent <= 0 && received <= 0) return
    this.#flows.set(flow, now)
    const id = this.#rowOf(flow)
    if (id !== undefined) this.#write(() => this.#init.ledger.add(id, { sent, received }))
    else if (flow.attempt.place === 'house') this.#sum(flow.attempt.host, 0, sent, received)
  }

  #datagram({ host, place }: Attempt, bytes: number): void {
    if (place === 'house') this.#sum(host, 0, bytes, 0)
    // Nothing of Silo sends datagrams outside, announced or not.
    else if (place === 'outside') throw new SiloError('egress_refused', { params: { host } })
  }

  #rowOf({ attempt }: Flow): number | undefined {
    return attempt.outgoing?.rows.get(attempt.host)?.get(this)
  }

  #sum(host: string, connections: number, sent: number, received: number): void {
    const sum = this.#house.get(host) ?? { connections: 0, sent: 0, received: 0 }
    sum.connections += connections
    sum.sent += sent
    sum.received += received
    this.#house.set(host, sum)
  }

  /** Counting late is no reason to fail: the line that a connection was made is there. */
  #write(work: () => void): void {
    try {
      work()
    } catch (error) {
      this.#init.log.error('the egress ledger could not be written', { error })
    }
  }
}
