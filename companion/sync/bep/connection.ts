import { setTimeout as sleep } from 'node:timers/promises'
import { SiloError } from '#shared/errors/silo-error.ts'
import {
  blockError,
  type BepHandler,
  type BepPeer,
  type BlockRequest,
  type FileInfo,
  type FolderInCluster,
  type PeerFeatures,
} from '../bep-peer.ts'
import { Answers } from './answers.ts'
import type { BepChannel } from './channel.ts'
import { fileWeight } from './file-info.ts'
import { frame, type Frame, type FrameReader } from './frames.ts'
import * as messages from './messages.ts'
import { messageType } from './messages.ts'
import { Outbox } from './outbox.ts'
import { PendingRequests } from './pending.ts'
import { ProtocolViolation } from './proto.ts'

/** Times of the protocol, ms. Syncthing's are the same. */
export interface BepTimes {
  /** A ping is sent where nothing else was for so long. */
  readonly pingMs: number
  /** A connection over which nothing came for so long has ended. */
  readonly silenceMs: number
  /** An answer that does not come. */
  readonly answerMs: number
}

export const bepTimes: BepTimes = { pingMs: 45_000, silenceMs: 300_000, answerMs: 300_000 }

export interface ConnectionInit {
  readonly channel: BepChannel
  /** After the hello. */
  readonly reader: FrameReader
  readonly bepId: Uint8Array
  readonly peerId?: string
  readonly name: string
  readonly client: string
  readonly features: PeerFeatures
  readonly times?: Partial<BepTimes>
}

/** Files and bytes of one index message, as Syncthing has them: what comes after it need not wait long. */
const indexBatchFiles = 1000
const indexBatchBytes = 256 * 1024
const closeMs = 2000

/** Our side could not take a message; what comes after it would not fit to what was before. */
class HandlerFailure extends Error {}

/** One connection after the hello, over TLS or Noise alike. */
export class BepConnection implements BepPeer {
  readonly specVersion = 1
  readonly bepId: Uint8Array
  readonly peerId?: string
  readonly name: string
  readonly client: string
  readonly features: PeerFeatures
  readonly closed: Promise<void>
  readonly #channel: BepChannel
  readonly #reader: FrameReader
  readonly #outbox: Outbox
  readonly #pending = new PendingRequests()
  readonly #times: BepTimes
  readonly #stop = new AbortController()
  readonly #end = Promise.withResolvers<void>()
  /** The highest sequence sent of each folder. */
  readonly #sentSequences = new Map<string, number>()
  #clock: NodeJS.Timeout | undefined
  #handler: BepHandler | undefined
  #reason: string | undefined

  constructor(init: ConnectionInit) {
    this.#channel = init.channel
    this.#reader = init.reader
    this.#outbox = new Outbox(init.channel)
    this.bepId = init.bepId
    if (init.peerId !== undefined) this.peerId = init.peerId
    this.name = init.name
    this.client = init.client
    this.features = init.features
    this.#times = { ...bepTimes, ...init.times }
    this.closed = this.#end.promise
  }

  /** Bytes so far, with what TLS or Noise carries of them but not their own. */
  get traffic(): { received: number; sent: number } {
    return { received: this.#reader.received, sent: this.#outbox.sent }
  }

  /** Ms since anything came. */
  get silentMs(): number {
    return performance.now() - this.#reader.lastAt
  }

  start(handler: BepHandler): void {
    if (this.#handler) throw new Error('a connection is started once')
    this.#handler = handler
    if (this.#reason !== undefined) {
      handler.closed(this.#reason)
      return
    }
    const every = Math.max(Math.min(this.#times.pingMs, this.#times.silenceMs, this.#times.answerMs) / 3, 10) // prettier-ignore
    this.#clock = setInterval(() => this.#tick(), every)
    this.#clock.unref()
    void this.#run(handler)
  }

  sendClusterConfig(folders: readonly FolderInCluster[]): Promise<void> {
    return this.#send(messageType.clusterConfig, [messages.writeClusterConfig(folders)], true)
  }

  async sendIndex(folder: string, files: readonly FileInfo[], full: boolean): Promise<void> {
    let begins = full
    let from = 0
    do {
      let to = from
      let weight = 0
      let last = this.#sentSequences.get(folder) ?? 0
      const previous = begins ? 0 : last
      while (to < files.length && to - from < indexBatchFiles && weight < indexBatchBytes) {
        const file = files[to++]!
        weight += fileWeight(file)
        last = Math.max(last, file.sequence)
      }
      const batch = files.slice(from, to)
      const type = begins ? messageType.index : messageType.indexUpdate
      this.#sentSequences.set(folder, last)
      await this.#send(type, [messages.writeIndex(folder, batch, { last, previous })], true)
      begins = false
      from = to
    } while (from < files.length)
  }

  async request(request: BlockRequest, signal: AbortSignal): Promise<Uint8Array> {
    const answer = await this.#pending.ask<messages.PackedAnswer>('block', signal, (id) =>
      this.#send(messageType.request, [messages.writeRequest(id, request)]),
    )
    if ('error' in answer || answer.data.length !== request.size)
      throw new SiloError('sync_block_missing')
    return answer.data
  }

  async requestMany(
    requests: readonly BlockRequest[],
    signal: AbortSignal,
  ): Promise<(Uint8Array | undefined)[]> {
    if (!this.features.packed) throw new Error('this peer has no packed requests')
    const groups: Promise<(Uint8Array | undefined)[]>[] = []
    for (let from = 0; from < requests.length;) {
      let to = from
      let bytes = 0
      while (to < requests.length && to - from < messages.maxPackedItems) {
        bytes += requests[to]!.size
        if (bytes > messages.maxPackedBytes && to > from) break
        to++
      }
      groups.push(this.#requestGroup(requests.slice(from, to), signal))
      from = to
    }
    return (await Promise.all(groups)).flat()
  }

  async #requestGroup(
    items: readonly BlockRequest[],
    signal: AbortSignal,
  ): Promise<(Uint8Array | undefined)[]> {
    // What alone is more than a packed answer may hold.
    if (items.length === 1 && items[0]!.size > messages.maxPackedBytes)
      return [
        await this.request(items[0]!, signal).catch((error: unknown) => {
          if (error instanceof SiloError && error.code === 'sync_block_missing') return undefined
          throw error
        }),
      ]
    const answers = await this.#pending.ask<readonly messages.PackedAnswer[]>(
      'packed',
      signal,
      (id) => this.#send(messageType.packedRequest, [messages.writePackedRequest(id, items)]),
    )
    return items.map((item, at) => {
      const answer = answers[at]
      return answer && 'data' in answer && answer.data.length === item.size
        ? answer.data
        : undefined
    })
  }

  async close(reason: string): Promise<void> {
    if (this.#reason !== undefined) return this.closed
    const said = this.#send(messageType.close, [messages.writeClose(reason)]).catch(() => {})
    this.#shut(reason)
    const limit = new AbortController()
    await Promise.race([
      said.then(() => this.#channel.end()),
      sleep(closeMs, undefined, { ref: false, signal: limit.signal }).catch(() => {}),
    ])
    limit.abort()
    this.#channel.destroy(new Error(reason))
    this.#ended(reason)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close('shutting down')
  }

  #send(type: number, parts: readonly Uint8Array[], compress = false): Promise<void> {
    if (this.#reason !== undefined) return Promise.reject(peerClosed())
    return this.#outbox.push(frame(type, parts, compress))
  }

  async #run(handler: BepHandler): Promise<void> {
    const answers = new Answers({
      handler,
      send: (type, parts) => this.#send(type, parts),
      signal: this.#stop.signal,
    })
    let reason = 'the other device ended the connection'
    try {
      let greeted = false
      for (;;) {
        const next = await this.#reader.next()
        if (!next || this.#reason !== undefined) break
        if (next.type === messageType.close) {
          reason = `closed by the other device: ${messages.readClose(next.body)}`
          break
        }
        if (!greeted && next.type !== messageType.clusterConfig)
          throw new ProtocolViolation('a message before the cluster config')
        greeted = true
        await this.#handle(next, handler, answers).catch((error: unknown) => {
          if (error instanceof ProtocolViolation) throw error
          throw new HandlerFailure('a message could not be taken', { cause: error })
        })
      }
    } catch (error) {
      const isViolation = error instanceof ProtocolViolation
      if (isViolation || error instanceof HandlerFailure) {
        await this.close(isViolation ? `protocol error: ${error.message}` : error.message)
        return
      }
      reason = error instanceof Error ? error.message : 'unknown'
    }
    if (this.#reason !== undefined) return
    this.#shut(reason)
    this.#channel.destroy(new Error(reason))
    this.#ended(reason)
  }

  async #handle(next: Frame, handler: BepHandler, answers: Answers): Promise<void> {
    const { type, body } = next
    if (type === messageType.response) {
      const { id, code, data } = messages.readResponse(body)
      this.#pending.settle(id, 'block', code === blockError.none ? { data } : { error: code })
    } else if (type === messageType.request) answers.request(messages.readRequest(body))
    else if (type === messageType.index || type === messageType.indexUpdate) {
      const { folder, files } = messages.readIndex(body)
      await handler.index(folder, files, type === messageType.index)
    } else if (type === messageType.clusterConfig)
      await handler.clusterConfig(messages.readClusterConfig(body))
    else if (type === messageType.packedRequest) {
      const { id, items } = messages.readPackedRequest(body)
      answers.packed(id, items)
    } else if (type === messageType.packedResponse) {
      const response = messages.readPackedResponse(body)
      this.#pending.settle(response.id, 'packed', response.answers)
    }
  }

  #tick(): void {
    const now = performance.now()
    this.#pending.expire(now - this.#times.answerMs)
    if (this.silentMs > this.#times.silenceMs) void this.close('timeout')
    else if (now - this.#outbox.lastAt > this.#times.pingMs)
      this.#send(messageType.ping, [new Uint8Array(0)]).catch(() => {})
  }

  /** Nothing more is taken or asked; what waits is told so. */
  #shut(reason: string): void {
    this.#reason = reason
    clearInterval(this.#clock)
    this.#pending.end(peerClosed())
    this.#stop.abort(peerClosed())
  }

  #ended(reason: string): void {
    this.#outbox.fail(peerClosed())
    this.#handler?.closed(reason)
    this.#end.resolve()
  }
}

function peerClosed(): SiloError {
  return new SiloError('sync_peer_closed')
}
