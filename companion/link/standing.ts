import type { Connection } from '@libp2p/interface'
import * as v from 'valibot'
import type { Log } from '#companion/observe/log.ts'
import type { Transport } from '#shared/contracts/transport.ts'
import { SiloError } from '#shared/errors/silo-error.ts'
import type { ByteStream } from '#shared/fetch-stream/byte-stream.ts'
import { byteStream, endConnection, type MessageStream } from '#shared/fetch-stream/message-stream.ts' // prettier-ignore
import { linkInfoSchema } from '#shared/protocol/link.ts'
import type { BookEntry } from './device-book.ts'
import { dialFirst, dialOrder } from './dial-plan.ts'
import type { PeerCall, PeerCompanion, PeerRoads } from './peer-roads.ts'
import { connectionTransport } from './transport.ts'

export interface StandingInit {
  readonly ownId: string
  /** The companions of the book, and one of them. */
  companions(): readonly BookEntry[]
  companion(id: string): BookEntry | undefined
  /** Where one can be dialled, best first: seen on this network, pinned, what worked before, what it said. */
  addresses(id: string): readonly string[]
  dial(address: string, signal: AbortSignal): Promise<Connection>
  /** A companion was reached there. */
  reached(id: string, address: string): void
  /** Where a companion says it is. */
  learned(id: string, addresses: readonly string[]): void
  /** Registers a protocol with the node, now or when it starts. */
  protocol(name: string, onStream: ((stream: MessageStream, from: Connection) => void) | undefined): void // prettier-ignore
  readonly log: Log
  /** Waits between two tries, ms: the first, and the longest. */
  readonly firstWaitMs?: number
  readonly longestWaitMs?: number
  readonly pingMs?: number
}

const dialLimitMs = 15_000
const greetLimitMs = 5000
const quickLimitMs = 3000
const pingMs = 10_000
const openLimitMs = 10_000
const firstWaitMs = 1000
const longestWaitMs = 60_000
const maxStreams = 1100

interface Road {
  readonly connection: Connection
  readonly transport: Transport
  readonly since: number
  /** It has answered a request: both ends have let each other in. */
  good: boolean
  misses: number
}

interface Companion {
  road?: Road
  /** Another connection that came while `road` seemed to stand. */
  rival?: Connection
  tries: number
  timer?: NodeJS.Timeout
  dialling: boolean
  refused: boolean
  lastAt?: number
  hurriedAt: number
}

/** Keeps one connection to every paired companion, whichever end dials. */
export class StandingRoads implements PeerRoads, AsyncDisposable {
  readonly #init: StandingInit
  readonly #companions = new Map<string, Companion>()
  readonly #listeners = new Set<(peerId: string) => void>()
  readonly #end = new AbortController()
  #pinger: NodeJS.Timeout | undefined
  #on = false

  constructor(init: StandingInit) {
    this.#init = init
  }

  /** The node is up: begin to dial. */
  start(): void {
    if (this.#on || this.#end.signal.aborted) return
    this.#on = true
    this.#pinger = setInterval(() => this.#pingAll(greetLimitMs), this.#init.pingMs ?? pingMs)
    this.#pinger.unref()
    this.bookChanged()
  }

  list(): PeerCompanion[] {
    return this.#init.companions().map((entry) => this.#stateOf(entry))
  }

  find(peerId: string): PeerCompanion | undefined {
    const entry = this.#init.companion(peerId)
    return entry && this.#stateOf(entry)
  }

  get(peerId: string): Transport | undefined {
    const road = this.#companions.get(peerId)?.road
    return road?.good ? road.transport : undefined
  }

  async openStream(peerId: string, protocol: string, signal: AbortSignal): Promise<ByteStream> {
    signal.throwIfAborted()
    const road = this.#companions.get(peerId)?.road
    if (!road?.good) throw new SiloError('peer_unreachable', { params: { address: peerId } })
    try {
      const limit = AbortSignal.any([signal, AbortSignal.timeout(openLimitMs)])
      const options = { signal: limit, maxOutboundStreams: maxStreams }
      return byteStream(await road.connection.newStream(protocol, options))
    } catch (cause) {
      signal.throwIfAborted()
      throw new SiloError('peer_unreachable', { params: { address: peerId }, cause })
    }
  }

  handle(protocol: string, handler: (stream: ByteStream, from: PeerCall) => void): () => void {
    this.#init.protocol(protocol, (stream, connection) => {
      const id = idOf(connection)
      const entry = this.#init.companion(id)
      if (!entry) return stream.abort(new SiloError('device_not_paired'))
      handler(byteStream(stream), { peerId: id, name: entry.name, role: entry.role })
    })
    return () => this.#init.protocol(protocol, undefined)
  }

  onChange(listener: (peerId: string) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  hurry(peerId?: string): void {
    for (const [id, companion] of this.#companions) {
      if (peerId !== undefined && id !== peerId) continue
      if (companion.road || companion.dialling) continue
      companion.tries = 0
      clearTimeout(companion.timer)
      void this.#dial(id)
    }
  }

  /** It was heard of on the network: worth a try, though not at each shout. */
  heard(id: string): void {
    const companion = this.#companions.get(id)
    if (!companion || Date.now() - companion.hurriedAt < firstWaitMs * 2) return
    companion.hurriedAt = Date.now()
    if (!companion.refused) this.hurry(id)
  }

  /** Other addresses: what stands may have died without a word, and what was away may be near. */
  networkChanged(): void {
    this.#pingAll(quickLimitMs)
    this.hurry()
  }

  /** Somebody was added, removed or given another role. */
  bookChanged(id?: string): void {
    if (this.#on) {
      const known = new Set(this.#init.companions().map((entry) => entry.id))
      for (const [each, companion] of this.#companions)
        if (!known.has(each)) {
          clearTimeout(companion.timer)
          if (companion.road) this.#drop(each, companion, 'the device was removed')
          this.#companions.delete(each)
        }
      for (const each of known)
        if (!this.#companions.has(each)) {
          this.#companions.set(each, { tries: 0, dialling: false, refused: false, hurriedAt: 0 })
          void this.#dial(each)
        }
    }
    if (id !== undefined) this.#tell(id)
  }

  /** Somebody came; what is dialled here says so itself. */
  opened(connection: Connection): void {
    if (connection.direction === 'outbound') return
    const id = idOf(connection)
    const companion = this.#companions.get(id)
    if (companion) this.#offer(id, companion, connection)
  }

  closed(connection: Connection): void {
    const id = idOf(connection)
    const companion = this.#companions.get(id)
    if (companion?.road?.connection !== connection) return
    delete companion.road
    companion.lastAt = Date.now()
    this.#tell(id)
    this.#later(id, companion)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#end.abort(new SiloError('shutting_down'))
    clearInterval(this.#pinger)
    for (const companion of this.#companions.values()) {
      clearTimeout(companion.timer)
      if (companion.road) await companion.road.transport[Symbol.asyncDispose]()
    }
    this.#companions.clear()
    this.#listeners.clear()
  }

  async #dial(id: string): Promise<void> {
    const companion = this.#companions.get(id)
    if (!companion || companion.road || companion.dialling || !this.#on) return
    companion.dialling = true
    try {
      const limit = AbortSignal.any([this.#end.signal, AbortSignal.timeout(dialLimitMs)])
      const suffix = `/p2p/${id}`
      const addresses = dialOrder(this.#init.addresses(id)).map((address) => (address.includes('/p2p/') ? address : address + suffix)) // prettier-ignore
      const { address, connection } = await dialFirst(
        addresses,
        async (address, signal) => ({ address, connection: await this.#init.dial(address, signal) }), // prettier-ignore
        {
          signal: limit,
          discard: (late) => endConnection(late.connection, new Error('another was faster')),
        },
      )
      if (this.#companions.get(id) !== companion || this.#end.signal.aborted)
        return endConnection(connection, new Error('no longer wanted'))
      this.#init.reached(id, address)
      this.#offer(id, companion, connection)
    } catch (error) {
      this.#init.log.debug('a companion could not be reached', { device: id, error })
    } finally {
      companion.dialling = false
      if (!companion.road) this.#later(id, companion)
    }
  }

  /** Takes a connection into use, here at both ends alike: of two, the one that the smaller id dialled stays. */
  #offer(id: string, companion: Companion, connection: Connection): void {
    const current = companion.road?.connection
    if (current === connection || connection.status !== 'open') return
    if (!current || current.status !== 'open') return this.#adopt(id, companion, connection)
    const ours = this.#init.ownId < id
    const preferred = (connection.direction === 'outbound') === ours
    if (preferred && current.direction !== connection.direction) {
      this.#drop(id, companion, 'another connection took its place')
      return this.#adopt(id, companion, connection)
    }
    // The one that should stay may be dead without anybody having noticed.
    if (companion.rival) endConnection(companion.rival, new Error('there is a newer one'))
    companion.rival = connection
    void this.#ping(id, companion, quickLimitMs, true).then((alive) => {
      if (companion.rival !== connection) return
      delete companion.rival
      if (alive) return endConnection(connection, new Error('there is one already'))
      if (companion.road) this.#drop(id, companion, 'no answer')
      if (connection.status === 'open') this.#adopt(id, companion, connection)
    })
  }

  #adopt(id: string, companion: Companion, connection: Connection): void {
    clearTimeout(companion.timer)
    const transport = connectionTransport(connection)
    const road: Road = { connection, transport, since: Date.now(), good: false, misses: 0 }
    companion.road = road
    this.#tell(id)
    void this.#ping(id, companion, greetLimitMs, true)
  }

  /** Asks who it is and where. True when it answered; a first answer makes the road good. */
  async #ping(id: string, companion: Companion, limitMs: number, strict = false): Promise<boolean> {
    const { road } = companion
    if (!road) return false
    try {
      const limit = AbortSignal.any([this.#end.signal, AbortSignal.timeout(limitMs)])
      const response = await road.transport.request({ method: 'GET', path: '/api/link' }, limit)
      const info = v.parse(linkInfoSchema, await response.json())
      if (info.companion.id !== id) throw new SiloError('protocol_violation')
      this.#init.learned(id, info.companion.addresses)
      road.misses = 0
      companion.tries = 0
      companion.refused = false
      if (!road.good) {
        road.good = true
        if (companion.road === road) this.#tell(id)
      }
      return true
    } catch (error) {
      companion.refused = error instanceof SiloError && error.code === 'device_not_paired'
      if (companion.road === road && (strict || ++road.misses > 1)) {
        this.#init.log.debug('a companion does not answer', { device: id, error })
        this.#drop(id, companion, 'no answer')
        this.#later(id, companion)
      }
      return false
    }
  }

  #pingAll(limitMs: number): void {
    for (const [id, companion] of this.#companions)
      if (companion.road) void this.#ping(id, companion, limitMs)
  }

  #drop(id: string, companion: Companion, why: string): void {
    const { road } = companion
    if (!road) return
    delete companion.road
    companion.lastAt = Date.now()
    endConnection(road.connection, new Error(why))
    this.#tell(id)
  }

  /** The next try, later each time; one that shut this companion out is asked rarely. */
  #later(id: string, companion: Companion): void {
    if (this.#end.signal.aborted || this.#companions.get(id) !== companion || !this.#on) return
    clearTimeout(companion.timer)
    const longest = this.#init.longestWaitMs ?? longestWaitMs
    const first = this.#init.firstWaitMs ?? firstWaitMs
    const wait = companion.refused ? longest : Math.min(longest, first * 2 ** companion.tries++)
    companion.timer = setTimeout(() => void this.#dial(id), wait * (0.7 + Math.random() * 0.6))
    companion.timer.unref()
  }

  #stateOf({ id, name, role, lastSeenAt }: BookEntry): PeerCompanion {
    const companion = this.#companions.get(id)
    const road = companion?.road
    const since = road?.since ?? companion?.lastAt ?? lastSeenAt
    return {
      id,
      name,
      role,
      state: road?.good ? 'connected' : road || companion?.dialling ? 'connecting' : companion?.refused ? 'refused' : 'away', // prettier-ignore
      ...(since === undefined ? {} : { since }),
      ...(road ? { address: road.connection.remoteAddr.toString(), dialled: road.connection.direction === 'outbound' } : {}), // prettier-ignore
    }
  }

  #tell(id: string): void {
    for (const listener of this.#listeners) listener(id)
  }
}

function idOf(connection: Connection): string {
  return connection.remotePeer.toString()
}
