import type { PeerRoads } from '#companion/link/peer-roads.ts'
import type { Log } from '#companion/observe/log.ts'
import type { ByteStream } from '#shared/fetch-stream/byte-stream.ts'
import { formatSyncthingId, parseSyncthingId } from '#shared/domain/syncthing-id.ts'
import { SiloError } from '#shared/errors/silo-error.ts'
import { parseSyncAddress, type SyncAddress } from './addresses.ts'
import type { BepConnection, BepTimes } from './bep/connection.ts'
import { bepProtocol, connectOverNoise, type NoiseInit, type OwnName } from './bep/greeting.ts'
import type { BepIdentity } from './bep/identity.ts'
import { dialTls, listenTls, type Stranger, type TlsListener } from './bep/tls.ts'
import type { SyncParty } from './mounted-folder.ts'
import { Redial } from './redial.ts'
import type { DeviceRecord } from './sync-records.ts'

/** How devices in the local network are found; its own class, so that tests do without. */
export interface Discovery extends AsyncDisposable {
  /** Announces the port, and listens, from here on. */
  start(port: number): void
  lookup(bepId: Uint8Array): readonly SyncAddress[]
}

export interface ConnectionsInit {
  readonly identity: BepIdentity
  readonly own: OwnName
  readonly ownPeerId: string
  /** 0: any. */
  readonly port: number
  readonly host?: string
  readonly roads?: PeerRoads
  discovery?(onFound: (bepId: Uint8Array) => void): Discovery
  /** Devices with Syncthing that are configured. */
  devices(): readonly DeviceRecord[]
  /** The companion that has proved to be this device. */
  companionOf(bepId: Uint8Array): string | undefined
  /** A companion has proved which device it is. */
  proved(peerId: string, bepId: Uint8Array): void
  isConnected(key: string): boolean
  /** A companion is not paired any more. */
  onRemoved(peerId: string): void
  onConnection(connection: BepConnection, party: SyncParty, address: string | undefined): void
  onStranger(stranger: Stranger): void
  onChange(): void
  readonly log: Log
  readonly times?: Partial<BepTimes>
  /** Ms between tries, in tests. */
  readonly redialMs?: number
}

/** What a try over TLS may take where another way stands already, ms. */
const directMs = 3000

interface Dialled {
  readonly redial: Redial<BepConnection>
  readonly addresses: string
}

/** Keeps a connection with every device there is one to be had with: listens, dials, and takes streams of companions. */
export class Connections implements AsyncDisposable {
  readonly #init: ConnectionsInit
  readonly #dialled = new Map<string, Dialled>()
  readonly #companions = new Map<string, Redial<BepConnection>>()
  readonly #stops: (() => void)[] = []
  readonly #stop = new AbortController()
  #listener: TlsListener | undefined
  #listening: Promise<void> | undefined
  #listenError: string | undefined
  #discovery: Discovery | undefined

  constructor(init: ConnectionsInit) {
    this.#init = init
    const { roads } = init
    if (!roads) return
    this.#stops.push(
      roads.handle(bepProtocol, (stream, { peerId }) => void this.#overNoise(stream, peerId).catch(() => {})), // prettier-ignore
      roads.onChange((peerId) => this.#road(peerId)),
    )
    for (const { id } of roads.list()) this.#road(id)
  }

  get port(): number | undefined {
    return this.#listener?.port
  }

  get listenError(): string | undefined {
    return this.#listenError
  }

  /** Where a device stands that is not connected. */
  state(key: string): { connecting: boolean; error?: string } {
    const redial = this.#dialled.get(key)?.redial ?? this.#companions.get(key)
    const error = redial?.error
    return { connecting: redial?.trying ?? false, ...(error === undefined ? {} : { error }) }
  }

  /** The configured devices, or who is connected, have changed. Resolves when the port is open or has failed. */
  async refresh(): Promise<void> {
    if (this.#stop.signal.aborted) return
    const devices = this.#init.devices()
    for (const [key, { redial, addresses }] of this.#dialled) {
      const device = devices.find(({ id }) => id === key)
      if (device && !device.paused && device.addresses.join(' ') === addresses) redial.hurry()
      else {
        this.#dialled.delete(key)
        void redial[Symbol.asyncDispose]()
      }
    }
    const isAnybody = devices.length > 0 || (this.#init.roads?.list().length ?? 0) > 0
    if (isAnybody && !this.#listener) await (this.#listening ??= this.#listen())
    if (devices.some(({ addresses }) => addresses.includes('dynamic'))) this.#discover()
    for (const device of devices)
      if (!device.paused && !this.#dialled.has(device.id)) this.#dial(device)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort(new SiloError('shutting_down'))
    for (const stop of this.#stops) stop()
    const redials = [...[...this.#dialled.values()].map(({ redial }) => redial), ...this.#companions.values()] // prettier-ignore
    await Promise.all(redials.map((redial) => redial[Symbol.asyncDispose]()))
    await this.#listening
    await this.#discovery?.[Symbol.asyncDispose]()
    await this.#listener?.[Symbol.asyncDispose]()
  }

  async #listen(): Promise<void> {
    const { port, log } = this.#init
    try {
      try {
        this.#listener = await this.#listenAt(port)
        this.#listenError = undefined
      } catch (error) {
        if (!(error instanceof SiloError) || error.code !== 'port_in_use') throw error
        // Companions are told the port; for those with Syncthing it has to be the one that was configured there.
        this.#listenError = 'sync_port_in_use'
        log.warn('the sync port is taken; another one is used', { port })
        this.#listener = await this.#listenAt(0)
      }
      log.info('listening for sync', { port: this.#listener.port })
    } catch (error) {
      this.#listenError = 'internal'
      log.warn('the sync port could not be opened', { port, error })
    } finally {
      this.#listening = undefined
    }
    this.#init.onChange()
  }

  #listenAt(port: number): Promise<TlsListener> {
    return listenTls({
      ...this.#tls(),
      port,
      ...(this.#init.host === undefined ? {} : { host: this.#init.host }),
      known: (bepId) => this.#known(bepId),
      onConnection: (connection, address) => this.#init.onConnection(connection, partyOf(connection), address), // prettier-ignore
      onStranger: (stranger) => this.#init.onStranger(stranger),
    })
  }

  #known(bepId: Uint8Array): { peerId?: string } | undefined {
    if (this.#configured(formatSyncthingId(bepId))) return {}
    const peerId = this.#init.companionOf(bepId)
    return peerId !== undefined && this.#init.roads?.find(peerId) ? { peerId } : undefined
  }

  #configured(key: string): boolean {
    return this.#init.devices().some(({ id, paused }) => id === key && !paused)
  }

  #discover(): void {
    const port = this.#listener?.port
    if (this.#discovery || port === undefined) return
    this.#discovery = this.#init.discovery?.((bepId) =>
      this.#dialled.get(formatSyncthingId(bepId))?.redial.hurry(),
    )
    this.#discovery?.start(port)
  }

  #dial(device: DeviceRecord): void {
    const bepId = parseSyncthingId(device.id)!
    const { redialMs } = this.#init
    let reached: string | undefined
    const redial = new Redial<BepConnection>({
      wanted: () => !this.#init.isConnected(device.id),
      attempt: async (signal) => {
        const given = device.addresses.map(parseSyncAddress).filter((address) => !!address)
        const found = device.addresses.includes('dynamic') ? (this.#discovery?.lookup(bepId) ?? []) : [] // prettier-ignore
        let failure: unknown
        for (const { host, port } of [...given, ...found])
          try {
            reached = `${host}:${port}`
            return await dialTls({ ...this.#tls(), host, port, bepId }, signal)
          } catch (error) {
            failure = error
          }
        if (failure !== undefined) throw failure
        return undefined
      },
      onConnection: (connection) => this.#init.onConnection(connection, { bepId, key: device.id }, reached), // prettier-ignore
      onChange: () => this.#init.onChange(),
      ...(redialMs === undefined ? {} : { minMs: redialMs, maxMs: redialMs * 4 }),
    })
    this.#dialled.set(device.id, { redial, addresses: device.addresses.join(' ') })
  }

  #tls() {
    const { identity, own, times } = this.#init
    return { identity, own, ...(times ? { times } : {}) }
  }

  /** Of the two ends of a road the one that dialled opens the stream. */
  #road(peerId: string): void {
    const road = this.#init.roads?.find(peerId)
    const redial = this.#companions.get(peerId)
    if (!road) {
      this.#companions.delete(peerId)
      void redial?.[Symbol.asyncDispose]()
      this.#init.onRemoved(peerId)
      return
    }
    void this.refresh()
    if (redial) return redial.hurry()
    this.#companions.set(
      peerId,
      new Redial<BepConnection>({
        wanted: () => {
          const now = this.#init.roads!.find(peerId)
          return now?.state === 'connected' && now.dialled === true && !this.#init.isConnected(peerId) // prettier-ignore
        },
        attempt: async (signal) => {
          const stream = await this.#init.roads!.openStream(peerId, bepProtocol, signal)
          const host = hostOf(this.#init.roads!.find(peerId)?.address)
          return connectOverNoise({
            ...this.#noise(stream, peerId, signal),
            direct: (bepId, port) => {
              if (host === undefined) throw new SiloError('peer_unreachable')
              const limit = AbortSignal.any([signal, AbortSignal.timeout(directMs)])
              return dialTls({ ...this.#tls(), host, port, bepId, peerId }, limit)
            },
          })
        },
        onConnection: (connection) => this.#arrived(connection),
        onChange: () => this.#init.onChange(),
      }),
    )
  }

  async #overNoise(stream: ByteStream, peerId: string): Promise<void> {
    const connection = await connectOverNoise(this.#noise(stream, peerId, this.#stop.signal))
    if (connection) this.#arrived(connection)
  }

  #noise(stream: ByteStream, peerId: string, signal: AbortSignal): NoiseInit {
    const { identity, own, ownPeerId, times } = this.#init
    return {
      stream,
      identity,
      own,
      ownPeerId,
      peerId,
      port: this.#listener?.port ?? 0,
      proved: (bepId) => this.#init.proved(peerId, bepId),
      signal,
      ...(times ? { times } : {}),
    }
  }

  #arrived(connection: BepConnection): void {
    const host = hostOf(this.#init.roads?.find(connection.peerId ?? '')?.address)
    this.#init.onConnection(connection, partyOf(connection), host)
  }
}

function partyOf({ bepId, peerId }: BepConnection): SyncParty {
  return peerId === undefined ? { bepId, key: formatSyncthingId(bepId) } : { bepId, key: peerId, peerId } // prettier-ignore
}

/** The host of a multiaddr of TCP. */
function hostOf(address: string | undefined): string | undefined {
  return /^\/(?:ip4|ip6|dns4?|dns6)\/([^/]+)\/tcp\//.exec(address ?? '')?.[1]
}
