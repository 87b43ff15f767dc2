import { setTimeout as sleep } from 'node:timers/promises'
import type { Connection } from '@libp2p/interface'
import type { TransportCertificate } from '@libp2p/webrtc'
import { multiaddr } from '@multiformats/multiaddr'
import type { Libp2p } from 'libp2p'
import type { SecretText } from '#companion/config/secret-text.ts'
import type { Log } from '#companion/observe/log.ts'
import { announcing } from '#companion/observe/outbound.ts'
import type { Transport } from '#shared/contracts/transport.ts'
import type { CompanionAddress, PairedDevice, Role } from '#shared/domain/device.ts'
import { SiloError } from '#shared/errors/silo-error.ts'
import type { LinkInfo, Pairing, Peer } from '#shared/protocol/link.ts'
import { endConnection, type MessageStream } from '#shared/fetch-stream/message-stream.ts'
import { encodeInvitation } from '#shared/protocol/pairing.ts'
import { linkAddresses } from './addresses.ts'
import { linkCertificate } from './certificate.ts'
import type { BookEntry, DeviceBook } from './device-book.ts'
import { Door, type DeviceCaller } from './door.ts'
import { linkKey } from './identity.ts'
import { startLinkNode } from './node.ts'
import { Pairings } from './pairings.ts'
import { Peers } from './peers.ts'
import type { PeerRoads } from './peer-roads.ts'
import { freeLinkPort } from './ports.ts'
import { Joins } from './join.ts'
import { StandingRoads, type StandingInit } from './standing.ts'
import { connectionTransport } from './transport.ts'

export interface LinkInit {
  /** False where the configuration forbids it. */
  readonly allowed: boolean
  readonly id: string
  /** The device key as PKCS #8 PEM. */
  readonly keyPem: string
  readonly name: string
  /** 0: any. */
  readonly port: number
  readonly mdns: boolean
  readonly certificate: SecretText
  /** The port of the last start, kept so that devices find the companion where it was. */
  readonly lastPort: SecretText
  readonly book: DeviceBook
  /** IPv4 addresses of this machine, best first. */
  hosts(): readonly string[]
  names(): readonly string[]
  /** Where the app is that a pairing link opens. */
  appBase(): string
  appUrls(): readonly string[]
  answer(request: Request, caller: DeviceCaller): Promise<Response>
  onChange(id?: string): void
  readonly log: Log
  readonly invitationMs?: number
  readonly strangerMs?: number
  readonly idleMs?: number
  /** Pace of the standing connections; tests shorten it. */
  readonly standing?: Pick<StandingInit, 'firstWaitMs' | 'longestWaitMs' | 'pingMs'>
}

type OnStream = (stream: MessageStream, connection: Connection) => void

const dialMs = 10_000
/** Streams of one protocol between two companions at once. */
const maxPeerStreams = 64
/** How long closing the ports may take, ms. */
const stopMs = 4000

/** Other devices' way in: the paired-device book, invitations, and the libp2p node behind them. */
export class Link implements AsyncDisposable {
  readonly #init: LinkInit
  readonly #pairings: Pairings
  readonly #door: Door
  readonly #peers: Peers
  readonly #standing: StandingRoads
  readonly #protocols = new Map<string, OnStream>()
  /** This companion as one that asks another to be let in. */
  readonly joins: Joins
  #state: LinkInfo['state'] = 'off'
  #starting: Promise<void> | undefined
  #node: Libp2p | undefined
  #certificate: TransportCertificate | undefined
  #port = 0
  #closed = false

  constructor(init: LinkInit) {
    this.#init = init
    const { book, id, log } = init
    this.#pairings = new Pairings({
      companionId: id,
      admit: (device) => {
        const entry = book.put(device)
        this.#standing.bookChanged(device.id)
        init.onChange(device.id)
        return this.#withState(entry)
      },
      self: () => this.self(),
      onChange: (pairingId) => init.onChange(pairingId),
      ...(init.invitationMs === undefined ? {} : { invitationMs: init.invitationMs }),
    })
    this.#door = new Door({
      device: (device) => book.get(device),
      seen: (device, road) => {
        if (book.seen(device, road)) init.onChange(device)
      },
      pairings: this.#pairings,
      answer: (request, caller) => init.answer(request, caller),
      onConnections: () => init.onChange(),
      log,
      ...(init.strangerMs === undefined ? {} : { strangerMs: init.strangerMs }),
      ...(init.idleMs === undefined ? {} : { idleMs: init.idleMs }),
    })
    this.#peers = new Peers({
      book,
      ownId: id,
      isConnected: (peer) => this.#connectionsOf(peer).length > 0,
      onChange: () => init.onChange(),
    })
    this.#standing = new StandingRoads({
      ownId: id,
      companions: () => book.list().filter(({ kind }) => kind === 'companion'),
      companion: (peer) => {
        const entry = book.get(peer)
        return entry?.kind === 'companion' ? entry : undefined
      },
      addresses: (peer) => [...this.#peers.addressesOf(peer), ...book.addresses(peer)],
      dial: (address, signal) => this.#dial(address, signal),
      reached: (peer, address) => book.goodAddress(peer, address),
      learned: (peer, addresses) => book.learnAddresses(peer, addresses),
      protocol: (name, onStream) => this.#setProtocol(name, onStream),
      log,
      ...init.standing,
    })
    this.#standing.onChange((peer) => init.onChange(peer))
    this.joins = new Joins({
      ownId: id,
      name: init.name,
      start: () => this.start(),
      dial: (address, signal) => this.#dial(address, signal),
      seenAt: (peer) => this.#peers.addressesOf(peer),
      admit: ({ id: companion, name, addresses }, role) => {
        const device = { id: companion, name: name.slice(0, 60), kind: 'companion', role } as const
        const entry = book.put(device)
        book.learnAddresses(companion, addresses)
        this.#standing.bookChanged(companion)
        this.#standing.hurry(companion)
        init.onChange(companion)
        return this.#withState(entry)
      },
      onChange: (join) => init.onChange(join),
    })
  }

  /** The standing connections to the paired companions. */
  get roads(): PeerRoads {
    return this.#standing
  }

  /** The machine's addresses are others now. */
  networkChanged(): void {
    this.#standing.networkChanged()
  }

  get state(): LinkInfo['state'] {
    return this.#state
  }

  /** Opens the ports where somebody could come: a device is paired, or a companion is pinned. Never rejects. */
  async resume(): Promise<void> {
    if (!this.#init.allowed) return
    if (this.#init.book.list().length === 0 && this.#init.book.pins().length === 0) return
    await this.start().catch((error: unknown) =>
      this.#init.log.error('the link could not be started', { error }),
    )
  }

  /** Opens the ports; safe to call often. @throws SiloError link_unavailable */
  start(): Promise<void> {
    if (!this.#init.allowed || this.#closed)
      return Promise.reject(new SiloError('link_unavailable', { params: { detail: 'SILO_LINK' } }))
    this.#starting ??= this.#start().catch((cause: unknown) => {
      this.#starting = undefined
      this.#setState('failed')
      if (cause instanceof SiloError) throw cause
      const detail = cause instanceof Error ? cause.message.slice(0, 200) : 'unknown'
      throw new SiloError('link_unavailable', { params: { detail }, cause })
    })
    return this.#starting
  }

  /** This companion as others find it now; without addresses while the link is off. */
  self(): CompanionAddress {
    const { id, name } = this.#init
    const certhash = this.#certificate?.certhash
    if (!this.#node || certhash === undefined) return { id, name, addresses: [] }
    const parts = { id, certhash, port: this.#port, hosts: this.#init.hosts(), names: this.#init.names() } // prettier-ignore
    return { id, name, addresses: linkAddresses(parts) }
  }

  device(id: string): PairedDevice | undefined {
    const entry = this.#init.book.get(id)
    return entry && this.#withState(entry)
  }

  devices(): PairedDevice[] {
    return this.#init.book.list().map((entry) => this.#withState(entry))
  }

  appUrls(): readonly string[] {
    return this.#init.appUrls()
  }

  /** @throws SiloError link_unavailable */
  async invite(id: string, role: Role): Promise<{ pairing: Pairing; link: string }> {
    await this.start()
    const { secret } = this.#pairings.create(id, role)
    const { companionId, name, addresses } = { ...this.self(), companionId: this.#init.id }
    const pairing = this.pairing(id)
    // Bare TCP is of no use to a browser; a QR code is the easier to read the less it holds.
    const dialable = addresses.filter((address) => /\/(ws|webrtc-direct)(\/|$)/.test(address))
    const link = encodeInvitation(this.#init.appBase(), {
      companionId,
      name: name.slice(0, 60),
      secret,
      addresses: dialable.slice(0, 8),
      expiresAt: pairing.expiresAt,
    })
    return { pairing, link }
  }

  /** @throws SiloError pairing_unknown */
  pairing(id: string): Pairing {
    const hosts = [...this.#init.hosts(), ...this.#init.names()]
    const all = hosts.length > 0 ? hosts : ['127.0.0.1']
    return { ...this.#pairings.get(id), shortAddresses: all.map((host) => `${host}:${this.#port}`) }
  }

  /** @throws SiloError pairing_unknown */
  cancelPairing(id: string): void {
    this.#pairings.cancel(id)
  }

  /** @throws SiloError pairing_unknown, conflict */
  answerPairing(id: string, deviceId: string, allow: boolean): Pairing {
    this.#pairings.answer(id, deviceId, allow)
    return this.pairing(id)
  }

  /** @throws SiloError device_unknown */
  patchDevice(id: string, changes: { name?: string; role?: Role }): PairedDevice {
    const before = this.#init.book.get(id)
    const entry = this.#init.book.patch(id, changes)
    // Streams that stand were opened with the former role.
    if (before?.role !== entry.role) this.#shut(id, 'the role was changed')
    this.#standing.bookChanged(id)
    this.#init.onChange(id)
    return this.#withState(entry)
  }

  /** Takes a device out of the book and ends what it has open. @throws SiloError device_unknown */
  removeDevice(id: string): void {
    this.#init.book.remove(id)
    this.#shut(id, 'the device was removed')
    this.#standing.bookChanged(id)
    this.#init.onChange(id)
  }

  peers(): Peer[] {
    return this.#peers.list()
  }

  /** Looks who is at an address and keeps it. @throws SiloError peer_unreachable, link_unavailable, conflict */
  async pin(address: string, signal: AbortSignal): Promise<Peer> {
    await this.start()
    const connection = await this.#dial(address, signal)
    const id = connection.remotePeer.toString()
    endConnection(connection, new Error('done'))
    this.#init.book.pin(id, address)
    this.#init.onChange(id)
    return this.peers().find((peer) => peer.id === id)!
  }

  /** @throws SiloError device_unknown */
  forgetPeer(id: string): void {
    if (!this.#peers.forget(id)) throw new SiloError('device_unknown')
    this.#init.onChange(id)
  }

  /** A standing connection to another companion. @throws SiloError peer_unreachable, link_unavailable */
  async connect(address: string, signal: AbortSignal): Promise<Transport> {
    await this.start()
    return connectionTransport(await this.#dial(address, signal))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true
    this.#pairings.cancelOpen()
    this.joins.cancelAll()
    await this.#standing[Symbol.asyncDispose]()
    await this.#starting?.catch(() => {})
    const node = this.#node
    this.#node = undefined
    for (const connection of node?.getConnections() ?? [])
      endConnection(connection, new SiloError('shutting_down'))
    // WebRTC's listener waits for every connection to say that it is closed; some never do.
    await Promise.race([node?.stop(), sleep(stopMs, undefined, { ref: false })])
  }

  async #start(): Promise<void> {
    const init = this.#init
    this.#setState('starting')
    this.#certificate = await linkCertificate(init.certificate)
    const last = Number(init.lastPort.read())
    const port = await freeLinkPort([init.port, Number.isInteger(last) ? last : 0])
    if (port === undefined) throw new SiloError('link_unavailable', { params: { detail: 'ports' } })
    if (init.port !== 0 && port !== init.port)
      init.log.warn('the link port is taken; another one is used', { wanted: init.port, port })
    this.#port = port
    this.#node = await startLinkNode({
      key: linkKey(init.keyPem),
      certificate: this.#certificate,
      port,
      mdns: init.mdns,
      hosts: () => init.hosts(),
      onFetch: (stream, connection) => this.#door.request(stream, connection),
      onPair: (stream, connection) => this.#door.pair(stream, connection),
      onOpen: (connection) => {
        this.#door.opened(connection)
        this.#standing.opened(connection)
      },
      onClose: (connection) => {
        this.#door.closed(connection)
        this.#standing.closed(connection)
      },
      onPeer: (peer) => {
        this.#peers.saw(peer)
        this.#standing.heard(peer.id.toString())
      },
    })
    for (const [name, onStream] of this.#protocols) await this.#register(name, onStream)
    init.lastPort.write(String(port))
    this.#setState('on')
    init.log.info('the link is on', { port, addresses: this.self().addresses })
    this.#standing.start()
  }

  #setProtocol(name: string, onStream: OnStream | undefined): void {
    if (onStream && this.#protocols.has(name)) throw new Error(`${name} is handled already`)
    if (onStream) this.#protocols.set(name, onStream)
    else this.#protocols.delete(name)
    if (!this.#node) return
    if (onStream) void this.#register(name, onStream)
    else void this.#node.unhandle(name)
  }

  async #register(name: string, onStream: OnStream): Promise<void> {
    const options = { maxInboundStreams: maxPeerStreams, maxOutboundStreams: maxPeerStreams }
    await this.#node!.handle(name, (stream, connection) => onStream(stream, connection), options)
  }

  async #dial(address: string, signal: AbortSignal): Promise<Connection> {
    const limit = AbortSignal.any([signal, AbortSignal.timeout(dialMs)])
    try {
      const bare = multiaddr(address.replace(/\/p2p\/[^/]+$/, ''))
      // An address that a person typed or a device told may be a public one.
      const host = address.split('/')[2] ?? ''
      const connection = await announcing({ kind: 'peer', host, purpose: 'link' }, () =>
        this.#node!.dial(bare, { force: true, signal: limit }),
      )
      const expected = /\/p2p\/([^/]+)$/.exec(address)?.[1]
      const id = connection.remotePeer.toString()
      if (id !== this.#init.id && (expected === undefined || expected === id)) return connection
      endConnection(connection, new Error('not who was expected'))
      throw new Error('another device answers there')
    } catch (cause) {
      signal.throwIfAborted()
      throw new SiloError('peer_unreachable', { params: { address }, cause })
    }
  }

  #connectionsOf(id: string): Connection[] {
    const all = this.#node?.getConnections() ?? []
    return all.filter((connection) => connection.remotePeer.toString() === id)
  }

  /** Ends every connection with a device, whoever made it, and with them what goes on there. */
  #shut(id: string, why: string): void {
    for (const connection of this.#connectionsOf(id)) endConnection(connection, new Error(why))
  }

  #withState(entry: BookEntry): PairedDevice {
    const stands = this.#standing.get(entry.id) !== undefined
    return { ...entry, connected: stands || this.#door.isConnected(entry.id) }
  }

  #setState(state: LinkInfo['state']): void {
    this.#state = state
    this.#init.onChange()
  }
}
