import { generateKeyPair } from '@libp2p/crypto/keys'
import type { Connection } from '@libp2p/interface'
import { noise } from '@libp2p/noise'
import { tcp } from '@libp2p/tcp'
import { webRTCDirect } from '@libp2p/webrtc'
import { webSockets } from '@libp2p/websockets'
import { yamux } from '@libp2p/yamux'
import { multiaddr } from '@multiformats/multiaddr'
import { createLibp2p, type Libp2p } from 'libp2p'
import { JsonMessages } from '#companion/link/json-messages.ts'
import { connectionTransport } from '#companion/link/transport.ts'
import type { Transport } from '#shared/contracts/transport.ts'
import type { ByteStream } from '#shared/fetch-stream/byte-stream.ts'
import { byteStream } from '#shared/fetch-stream/message-stream.ts'
import { clientProof, companionProof, randomNonce, shortCode } from '#shared/protocol/pairing-proof.ts' // prettier-ignore
import { decodeInvitation, pairProtocol, pairReplySchema, type PairReply } from '#shared/protocol/pairing.ts' // prettier-ignore

export type Road = 'webrtc' | 'websocket' | 'tcp'
const patterns: Record<Road, RegExp> = {
  webrtc: /webrtc-direct/,
  websocket: /\/ws/,
  tcp: /\/tcp\/\d+(\/p2p|$)/,
}

/** A device with a key of its own, over the real libp2p. */
export class LinkDevice {
  readonly node: Libp2p
  readonly #connections: Connection[] = []

  private constructor(node: Libp2p) {
    this.node = node
  }

  static async create(privateKey?: Awaited<ReturnType<typeof generateKeyPair>>) {
    const node = await createLibp2p({
      privateKey: privateKey ?? (await generateKeyPair('Ed25519')),
      addresses: { listen: [] },
      transports: [webRTCDirect({ rtcConfiguration: { iceServers: [] } }), webSockets(), tcp()],
      connectionEncrypters: [noise()],
      streamMuxers: [yamux()],
      connectionGater: { denyDialMultiaddr: () => false },
      connectionMonitor: { enabled: false },
    })
    return new LinkDevice(node)
  }

  get id(): string {
    return this.node.peerId.toString()
  }

  async dial(addresses: readonly string[], road: Road = 'websocket'): Promise<Connection> {
    const address = addresses.find((each) => patterns[road].test(each))
    if (!address) throw new Error(`no ${road} address in ${addresses.join(' ')}`)
    const bare = multiaddr(address.replace(/\/p2p\/[^/]+$/, ''))
    const connection = await this.node.dial(bare, { force: true, signal: AbortSignal.timeout(10_000) }) // prettier-ignore
    this.#connections.push(connection)
    return connection
  }

  async transport(addresses: readonly string[], road: Road = 'websocket'): Promise<Transport> {
    return connectionTransport(await this.dial(addresses, road))
  }

  async stream(connection: Connection, protocol: string): Promise<ByteStream> {
    const options = { signal: AbortSignal.timeout(10_000), maxOutboundStreams: 2000 }
    return byteStream(await connection.newStream(protocol, options))
  }

  /** Pairs by the link; `change` spoils what is sent. Returns the companion's answer. */
  async pair(
    link: string,
    options: { road?: Road; secret?: string; proofFor?: string; name?: string; kind?: 'browser' | 'companion' } = {}, // prettier-ignore
  ): Promise<PairReply> {
    const invitation = decodeInvitation(link)
    const connection = await this.dial(invitation.addresses, options.road)
    const messages = new JsonMessages(await this.stream(connection, pairProtocol))
    const ends = { companionId: invitation.companionId, clientId: options.proofFor ?? this.id }
    const proof = await clientProof(options.secret ?? invitation.secret, ends)
    const { name = 'Phone', kind = 'browser' } = options
    await messages.send({ type: 'hello', name, kind, proof })
    const reply = await messages.next(pairReplySchema, 10_000)
    if (reply.type === 'paired' && reply.proof !== (await companionProof(invitation.secret, ends)))
      throw new Error('the companion could not prove itself')
    await connection.close()
    return reply
  }

  /** Pairs by code: `onCode` gets what this device would show. */
  async pairByCode(
    addresses: readonly string[],
    onCode: (code: string) => void,
  ): Promise<PairReply> {
    const connection = await this.dial(addresses)
    const messages = new JsonMessages(await this.stream(connection, pairProtocol))
    await messages.send({ type: 'hello', name: 'Tablet', kind: 'browser', platform: 'test' })
    const commit = await messages.next(pairReplySchema, 10_000)
    if (commit.type !== 'commit') return commit
    const clientNonce = randomNonce()
    await messages.send({ type: 'reveal', nonce: clientNonce })
    const open = await messages.next(pairReplySchema, 10_000)
    if (open.type !== 'open') return open
    const companionId = connection.remotePeer.toString()
    onCode(await shortCode({ companionId, clientId: this.id, companionNonce: open.nonce, clientNonce })) // prettier-ignore
    return messages.next(pairReplySchema, 20_000)
  }

  async close(): Promise<void> {
    for (const connection of this.#connections) connection.abort(new Error('done'))
    await this.node.stop()
  }
}
