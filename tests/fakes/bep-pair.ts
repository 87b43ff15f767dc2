import { randomBytes } from 'node:crypto'
import { SiloError } from '#shared/errors/silo-error.ts'
import {
  blockError,
  type BepHandler,
  type BepPeer,
  type BlockRequest,
  type FileInfo,
  type FolderInCluster,
} from '#companion/sync/bep-peer.ts'
import type { FolderEngine } from '#companion/sync/folder-engine.ts'

export interface PairOptions {
  /** Silo devices: many blocks in one answer. Default true. */
  readonly packed?: boolean
  /** Ms before each message is delivered; messages of one direction keep their order. */
  readonly delay?: () => number
  /** What a dishonest peer sends instead, by the device that answers. */
  readonly tamper?: (from: Uint8Array, request: BlockRequest, data: Uint8Array) => Uint8Array
  readonly tamperIndex?: (from: Uint8Array, files: readonly FileInfo[]) => readonly FileInfo[]
}

/** One end of two connected peers in one process: the messages of the wire without the wire. */
class PairedPeer implements BepPeer {
  readonly specVersion = 1
  readonly client = 'test'
  readonly features: { packed: boolean }
  readonly bepId: Uint8Array
  readonly name: string
  other!: PairedPeer
  readonly closed: Promise<void>
  readonly #options: PairOptions
  readonly #ended = Promise.withResolvers<void>()
  readonly #handler = Promise.withResolvers<BepHandler>()
  #last: Promise<unknown> = Promise.resolve()
  #open = true
  requests = 0
  packedRequests = 0

  /** `bepId`: of whom this end talks to. */
  constructor(bepId: Uint8Array, name: string, options: PairOptions) {
    this.bepId = bepId
    this.name = name
    this.#options = options
    this.features = { packed: options.packed ?? true }
    this.closed = this.#ended.promise
  }

  start(handler: BepHandler): void {
    this.#handler.resolve(handler)
  }

  sendClusterConfig(folders: readonly FolderInCluster[]): Promise<void> {
    return this.#deliver((handler) => handler.clusterConfig(folders))
  }

  sendIndex(folder: string, files: readonly FileInfo[], full: boolean): Promise<void> {
    const sent = this.#options.tamperIndex?.(this.other.bepId, files) ?? files
    return this.#deliver((handler) => handler.index(folder, sent, full))
  }

  async request(request: BlockRequest, signal: AbortSignal): Promise<Uint8Array> {
    this.requests++
    const data = await this.#answer(request, signal)
    if (!data) throw new SiloError('sync_block_missing')
    return data
  }

  async requestMany(
    requests: readonly BlockRequest[],
    signal: AbortSignal,
  ): Promise<(Uint8Array | undefined)[]> {
    if (!this.features.packed) throw new Error('not packed')
    this.packedRequests++
    return Promise.all(requests.map((request) => this.#answer(request, signal)))
  }

  async #answer(request: BlockRequest, signal: AbortSignal): Promise<Uint8Array | undefined> {
    this.#check()
    const handler = await this.other.#handler.promise
    // As on the wire: what was sent before arrives before.
    await this.#last
    await this.#pause()
    const answer = await handler.request(request, signal)
    await this.#pause()
    this.#check()
    if ('error' in answer) {
      if (answer.error === blockError.none) throw new Error('an error without an error')
      return undefined
    }
    return this.#options.tamper?.(this.bepId, request, answer.data) ?? answer.data
  }

  async #deliver(body: (handler: BepHandler) => void | Promise<void>): Promise<void> {
    this.#check()
    const handler = await this.other.#handler.promise
    const sent = this.#last.then(async () => {
      await this.#pause()
      if (this.#open) await body(handler)
    })
    this.#last = sent.catch(() => {})
    await sent
  }

  async #pause(): Promise<void> {
    const ms = this.#options.delay?.() ?? 0
    if (ms > 0) await new Promise((resolve) => setTimeout(resolve, ms))
  }

  #check(): void {
    if (!this.#open) throw new SiloError('sync_peer_closed')
  }

  async close(reason: string): Promise<void> {
    this.#end(reason)
    this.other.#end(reason)
    await this.closed
  }

  #end(reason: string): void {
    if (!this.#open) return
    this.#open = false
    this.#ended.resolve()
    void this.#handler.promise.then((handler) => handler.closed(reason))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close('disposed')
  }
}

/** A device for tests: an id and the folders it shares. */
export interface TestDevice {
  readonly bepId: Uint8Array
  readonly name: string
  readonly folders: Map<string, FolderEngine>
}

export function testDevice(name: string): TestDevice {
  return { bepId: randomBytes(32), name, folders: new Map() }
}

export interface TestConnection {
  /** What the first device asked of the second, and the other way. */
  readonly ends: readonly [PairedPeer, PairedPeer]
  disconnect(): Promise<void>
}

/** Connects two devices as the sync service does: cluster configs, then the folders both share. */
export function connectDevices(
  a: TestDevice,
  b: TestDevice,
  options: PairOptions = {},
): TestConnection {
  const toB = new PairedPeer(b.bepId, b.name, options)
  const toA = new PairedPeer(a.bepId, a.name, options)
  toB.other = toA
  toA.other = toB
  serve(a, toB)
  serve(b, toA)
  return { ends: [toB, toA], disconnect: () => toB.close('disconnected') }
}

function serve(device: TestDevice, peer: PairedPeer): void {
  const attached = new Set<string>()
  peer.start({
    clusterConfig: (folders) => {
      for (const theirs of folders) {
        const engine = device.folders.get(theirs.id)
        if (!engine) continue
        attached.add(theirs.id)
        engine.attach(peer, theirs)
      }
    },
    index: async (folder, files, full) => device.folders.get(folder)?.index(peer, files, full),
    request: async (request, signal) => {
      const engine = attached.has(request.folder) ? device.folders.get(request.folder) : undefined
      return engine?.request(peer, request, signal) ?? { error: blockError.noSuchFile }
    },
    closed: () => {
      for (const id of attached) device.folders.get(id)?.detach(peer)
    },
  })
  const described = [...device.folders.values()].map((engine) => engine.describe(peer.bepId))
  peer.sendClusterConfig(described).catch(() => {})
}
