import type { Connection } from '@libp2p/interface'
import type { Log } from '#companion/observe/log.ts'
import type { Role, TransportKind } from '#shared/domain/device.ts'
import { newId } from '#shared/domain/ids.ts'
import { SiloError, toWire } from '#shared/errors/silo-error.ts'
import { encodeJson, frameType } from '#shared/fetch-stream/frames.ts'
import {
  byteStream,
  endConnection,
  type MessageStream,
} from '#shared/fetch-stream/message-stream.ts'
import { serveFetchStream } from '#shared/fetch-stream/serve-fetch-stream.ts'
import { roadOf } from './addresses.ts'
import type { BookEntry } from './device-book.ts'
import type { Pairings } from './pairings.ts'

export interface DeviceCaller {
  readonly kind: 'device'
  readonly deviceId: string
  readonly name: string
  readonly role: Role
  readonly road: TransportKind
}

export interface DoorInit {
  device(id: string): BookEntry | undefined
  seen(id: string, road: TransportKind): void
  readonly pairings: Pick<Pairings, 'open' | 'serve'>
  answer(request: Request, caller: DeviceCaller): Promise<Response>
  onConnections(): void
  readonly log: Log
  /** How long a connection of an unknown device may stand without pairing, ms. */
  readonly strangerMs?: number
  /** How long a paired device may ask for nothing, ms. */
  readonly idleMs?: number
}

/** Requests one device may have open at once. */
export const maxRequests = 256
/** Connections of unknown devices at once. */
const maxStrangers = 16
const strangerMs = 15_000

/** Requests of an unknown device that are refused with a word; then its connection ends. */
const maxRefused = 16
/** How long who was refused may take to close its stream, ms. */
const refusedMs = 2000

/** A paired device that asks for nothing this long is gone without a word, ms: a page in use always reads the events. */
const idleMs = 150_000

interface Visit {
  /** A pairing stream is open. */
  pairing: boolean
  refused: number
  /** Requests open now, and when there was one last. */
  requests: number
  lastAt: number
  readonly timer: NodeJS.Timeout
}

/** Who comes in, and how far: unknown devices may pair and nothing else, and not for long. */
export class Door {
  readonly #init: DoorInit
  readonly #connections = new Map<Connection, Visit>()
  readonly #requests = new Map<string, number>()

  constructor(init: DoorInit) {
    this.#init = init
  }

  isConnected(id: string): boolean {
    return [...this.#connections.keys()].some((connection) => idOf(connection) === id)
  }

  opened(connection: Connection): void {
    // A connection of our own making is kept by who made it.
    if (connection.direction === 'outbound') return
    const timer = setInterval(() => this.#look(connection), this.#init.strangerMs ?? strangerMs)
    timer.unref()
    this.#connections.set(connection, { pairing: false, refused: 0, requests: 0, lastAt: Date.now(), timer }) // prettier-ignore
    if (this.#init.device(idOf(connection))) this.#note(connection)
    else if (this.#strangers() > maxStrangers)
      return endConnection(connection, new Error('too many strangers'))
    this.#init.onConnections()
  }

  closed(connection: Connection): void {
    const entry = this.#connections.get(connection)
    if (!entry) return
    clearInterval(entry.timer)
    this.#connections.delete(connection)
    this.#init.onConnections()
  }

  pair(stream: MessageStream, connection: Connection): void {
    const entry = this.#connections.get(connection)
    if (!entry || entry.pairing) return stream.abort(new Error('one pairing at a time'))
    entry.pairing = true
    const id = idOf(connection)
    const before = this.#init.device(id)?.role
    void this.#init.pairings.serve(byteStream(stream), id).finally(() => {
      entry.pairing = false
      if (before !== undefined && this.#init.device(id)?.role !== before) this.#renew(id, connection) // prettier-ignore
    })
  }

  request(stream: MessageStream, connection: Connection): void {
    const id = idOf(connection)
    const device = this.#init.device(id)
    const visit = this.#connections.get(connection)
    if (!device) {
      void refuse(stream, new SiloError('device_not_paired'))
      if (visit && ++visit.refused > maxRefused) endConnection(connection, new Error('not paired'))
      return
    }
    const open = this.#requests.get(id) ?? 0
    if (open >= maxRequests) return void refuse(stream, new SiloError('too_many_requests'))
    this.#requests.set(id, open + 1)
    if (visit) visit.requests++
    const road = this.#note(connection)
    const caller: DeviceCaller = { kind: 'device', deviceId: id, name: device.name, role: device.role, road } // prettier-ignore
    serveFetchStream(byteStream(stream), (request) => this.#init.answer(request, caller), {
      errorId: newId,
    })
      .catch((error: unknown) => {
        const usual = error instanceof SiloError && error.code !== 'internal'
        if (!usual) this.#init.log.debug('a request over the link ended early', { device: id, error }) // prettier-ignore
      })
      .finally(() => {
        if (visit) {
          visit.requests--
          visit.lastAt = Date.now()
        }
        const left = (this.#requests.get(id) ?? 1) - 1
        if (left > 0) this.#requests.set(id, left)
        else this.#requests.delete(id)
      })
  }

  /** What a device has open began with its former role: it ends, and the pairing's own connection a little later. */
  #renew(id: string, pairing: Connection): void {
    const why = new Error('the role was changed')
    for (const connection of this.#connections.keys())
      if (idOf(connection) === id && connection !== pairing) endConnection(connection, why)
    setTimeout(() => endConnection(pairing, why), refusedMs).unref()
  }

  #note(connection: Connection): TransportKind {
    const road = roadOf(connection.remoteAddr.toString())
    this.#init.seen(idOf(connection), road)
    return road
  }

  #look(connection: Connection): void {
    const visit = this.#connections.get(connection)
    if (!visit) return
    if (this.#init.device(idOf(connection))) {
      const idle =
        visit.requests === 0 &&
        !visit.pairing &&
        Date.now() - visit.lastAt > (this.#init.idleMs ?? idleMs)
      if (idle) endConnection(connection, new Error('idle'))
      return
    }
    // Somebody is comparing a code.
    if (visit.pairing && this.#init.pairings.open) return
    endConnection(connection, new Error('not paired'))
  }

  #strangers(): number {
    return [...this.#connections.keys()].filter((each) => !this.#init.device(idOf(each))).length
  }
}

function idOf(connection: Connection): string {
  return connection.remotePeer.toString()
}

/** Says why without reading what is asked. */
async function refuse(stream: MessageStream, error: SiloError): Promise<void> {
  // What it still sends is not read, and must not pile up.
  setTimeout(() => stream.abort(error), refusedMs).unref()
  try {
    stream.send(encodeJson(frameType.abort, toWire(error)))
    await stream.close()
  } catch {
    stream.abort(error)
  }
}
