import { identify } from '@libp2p/identify'
import type { Connection, Ed25519PrivateKey, PeerDiscovery, PeerInfo } from '@libp2p/interface'
import { mdns, type MulticastDNSComponents } from '@libp2p/mdns'
import { noise } from '@libp2p/noise'
import { tcp } from '@libp2p/tcp'
import { webRTCDirect, type TransportCertificate } from '@libp2p/webrtc'
import { webSockets } from '@libp2p/websockets'
import { yamux } from '@libp2p/yamux'
import type { Multiaddr } from '@multiformats/multiaddr'
import { createLibp2p, type Libp2p } from 'libp2p'
import { fetchProtocol, pairProtocol } from '#shared/protocol/pairing.ts'
import type { MessageStream } from '#shared/fetch-stream/message-stream.ts'

/** Streams one connection may have open at once, as far as libp2p is concerned; devices are limited beyond that. */
const maxStreams = 1100
/** Only companions of Silo are found. */
const serviceTag = '_silo-link._udp.local'

export interface LinkNodeInit {
  readonly key: Ed25519PrivateKey
  readonly certificate: TransportCertificate
  readonly port: number
  readonly mdns: boolean
  /** IPv4 addresses at which others may know this machine; none: loopback. */
  hosts(): readonly string[]
  onFetch(stream: MessageStream, connection: Connection): void
  onPair(stream: MessageStream, connection: Connection): void
  onOpen(connection: Connection): void
  onClose(connection: Connection): void
  onPeer(peer: PeerInfo): void
}

/** The libp2p node of a companion: WebRTC-direct and WebSocket for browsers, TCP for companions, all over Noise. */
export async function startLinkNode(init: LinkNodeInit): Promise<Libp2p> {
  const { key, port } = init
  const ownId = key.publicKey.toString()
  const node = await createLibp2p({
    privateKey: key,
    addresses: {
      listen: [
        `/ip4/0.0.0.0/udp/${port}/webrtc-direct`,
        `/ip4/0.0.0.0/tcp/${port}/ws`,
        `/ip4/0.0.0.0/tcp/${port + 1}`,
      ],
      // What mDNS and identify tell anybody: not the networks of containers and virtual machines.
      announceFilter: (addresses) => announced(addresses, init.hosts()),
    },
    transports: [
      webRTCDirect({ certificate: init.certificate, rtcConfiguration: { iceServers: [] } }),
      webSockets(),
      tcp(),
    ],
    connectionEncrypters: [noise()],
    // A device may ask many things before this side has finished greeting it.
    streamMuxers: [yamux({ maxEarlyStreams: maxStreams })],
    connectionGater: {
      denyDialMultiaddr: () => false,
      // Somebody with our own key is a copy of this companion's data folder; two of one would be told apart by nobody.
      denyInboundEncryptedConnection: (peer) => peer.toString() === ownId,
    },
    connectionManager: {
      maxConnections: 500,
      maxIncomingPendingConnections: 50,
      // A household behind one address, each page with several tries.
      inboundConnectionThreshold: 100,
    },
    connectionMonitor: { enabled: false },
    ...(init.mdns ? { peerDiscovery: [discovery(init.onPeer)] } : {}),
    nodeInfo: { name: 'silo', version: '1', userAgent: 'silo' },
    services: { identify: identify() },
    start: false,
  })
  const options = { maxInboundStreams: maxStreams, maxOutboundStreams: maxStreams }
  await node.handle(fetchProtocol, (stream, connection) => init.onFetch(stream, connection), options) // prettier-ignore
  await node.handle(pairProtocol, (stream, connection) => init.onPair(stream, connection), options)
  node.addEventListener('connection:open', ({ detail }) => init.onOpen(detail))
  node.addEventListener('connection:close', ({ detail }) => init.onClose(detail))
  await node.start()
  return node
}

/** mDNS that tells each time a companion is heard: libp2p's own event comes once, and one that moved is news again. */
function discovery(onPeer: (peer: PeerInfo) => void) {
  return (components: MulticastDNSComponents): PeerDiscovery => {
    const service = mdns({ serviceTag, interval: 10_000 })(components)
    service.addEventListener('peer', ({ detail }) => onPeer(detail))
    return service
  }
}

function announced(addresses: Multiaddr[], hosts: readonly string[]): Multiaddr[] {
  const wanted = new Set(hosts.length > 0 ? hosts : ['127.0.0.1'])
  return addresses.filter((address) => wanted.has(String(address).split('/')[2] ?? ''))
}
