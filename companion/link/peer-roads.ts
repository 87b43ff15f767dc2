import type { Transport } from '#shared/contracts/transport.ts'
import type { Role } from '#shared/domain/device.ts'
import type { ByteStream } from '#shared/fetch-stream/byte-stream.ts'

/** A paired companion, whether it can be reached now or not. */
export interface PeerCompanion {
  /** Its libp2p peer id. */
  readonly id: string
  readonly name: string
  /** What it may do here. */
  readonly role: Role
  /** `refused`: it no longer lets this companion in. */
  readonly state: 'connected' | 'connecting' | 'away' | 'refused'
  /** Ms since 1970 when the standing connection was made, or was last there. */
  readonly since?: number
  /** Where it is connected now. */
  readonly address?: string
  /** True where this end dialled: of the two ends of one connection exactly one says so. */
  readonly dialled?: boolean
}

/** A stream that a paired companion opened here. */
export interface PeerCall {
  readonly peerId: string
  readonly name: string
  readonly role: Role
}

/**
 * The standing connections to the paired companions: one a pair, whoever dialled it, made again by itself when it ends.
 * Both ends have proved their keys (Noise) before anything is said. Devices that are no companions are not in it.
 */
export interface PeerRoads {
  /** Every companion in the book. */
  list(): readonly PeerCompanion[]
  find(peerId: string): PeerCompanion | undefined
  /** API calls to the companion, as the device this one is in its book; undefined while there is no connection. */
  get(peerId: string): Transport | undefined
  /**
   * A raw stream to a connected companion, e.g. `/silo/bep/1`.
   * @throws SiloError peer_unreachable (not connected, or it does not speak this protocol), the signal's reason
   */
  openStream(peerId: string, protocol: string, signal: AbortSignal): Promise<ByteStream>
  /**
   * Answers streams that paired companions open; strangers and browsers never reach it. The stream belongs to the
   * handler. At most one handler a protocol. @returns how to stop
   */
  handle(protocol: string, handler: (stream: ByteStream, from: PeerCall) => void): () => void
  /**
   * Calls back when a companion came (`connected`), went, was added, removed or given another role. A connection that
   * was replaced by another is told as `away` and `connected` again. @returns how to stop
   */
  onChange(listener: (peerId: string) => void): () => void
  /** Dials those that are away at once, instead of when their turn comes. */
  hurry(peerId?: string): void
}
