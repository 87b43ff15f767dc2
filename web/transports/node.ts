import { identify } from '@libp2p/identify'
import type { Connection } from '@libp2p/interface'
import { noise } from '@libp2p/noise'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { webRTCDirect } from '@libp2p/webrtc'
import { webSockets } from '@libp2p/websockets'
import { yamux } from '@libp2p/yamux'
import { multiaddr } from '@multiformats/multiaddr'
import { createLibp2p, type Libp2p } from 'libp2p'
import { loadDeviceKey } from './device-key.ts'

export interface LinkNode {
  /** This device's id. */
  readonly id: string
  /**
   * Dials one address and nothing else. Whoever answers is proved to own `remotePeer`; the caller compares.
   * @throws the signal's reason, or what the transport says
   */
  dial(address: string, signal: AbortSignal): Promise<Connection>
}

let node: Promise<LinkNode> | undefined

/**
 * The libp2p node of this page: it dials companions and answers nobody. Made once, at first use.
 * @throws SiloError insecure_context, device_key_unsupported
 */
export function linkNode(): Promise<LinkNode> {
  node ??= createNode().catch((error: unknown) => {
    node = undefined
    throw error
  })
  return node
}

async function createNode(): Promise<LinkNode> {
  const privateKey = await loadDeviceKey()
  const libp2p: Libp2p = await createLibp2p({
    privateKey,
    addresses: { listen: [] },
    transports: [
      // No STUN: a companion is in the same network, and nobody outside learns that we look for one.
      webRTCDirect({ rtcConfiguration: { iceServers: [] } }),
      webSockets(),
    ],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    // By default browsers refuse to dial private addresses, which is where companions are.
    connectionGater: { denyDialMultiaddr: () => false },
    // The road's keeper asks by itself whether a connection still stands.
    connectionMonitor: { enabled: false },
    services: { identify: identify() },
  })
  return {
    id: peerIdFromPrivateKey(privateKey).toString(),
    dial(address, signal) {
      // Without the id in it libp2p does not wait for, or return, another dial to the same companion.
      const bare = multiaddr(address.replace(/\/p2p\/[^/]+$/, ''))
      return libp2p.dial(bare, { force: true, signal })
    },
  }
}
