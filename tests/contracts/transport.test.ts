import { generateKeyPair } from '@libp2p/crypto/keys'
import type { Ed25519PrivateKey } from '@libp2p/interface'
import { linkAddresses } from '#companion/link/addresses.ts'
import { linkCertificate } from '#companion/link/certificate.ts'
import { startLinkNode } from '#companion/link/node.ts'
import { freeLinkPort } from '#companion/link/ports.ts'
import { byteStream } from '#shared/fetch-stream/message-stream.ts'
import { serveFetchStream } from '#shared/fetch-stream/serve-fetch-stream.ts'
import { createFakeTransport } from '#tests/fakes/transport.ts'
import { LinkDevice, type Road } from '#tests/integration/link-device.ts'
import { describeTransport } from './transport.ts'

describeTransport({
  name: 'fake',
  kind: 'loopback',
  connect: async (handler) => ({ transport: createFakeTransport(handler), async close() {} }),
})

for (const road of ['websocket', 'tcp', 'webrtc'] satisfies Road[])
  describeTransport({
    name: `libp2p over ${road}`,
    kind: road,
    async connect(handler) {
      let stored: string | undefined
      const certificate = await linkCertificate({
        read: () => stored,
        write: (text) => (stored = text),
      })
      const port = (await freeLinkPort([]))!
      const node = await startLinkNode({
        key: (await generateKeyPair('Ed25519')) as Ed25519PrivateKey,
        certificate,
        port,
        mdns: false,
        onFetch: (stream) => void serveFetchStream(byteStream(stream), handler).catch(() => {}),
        onPair: (stream) => stream.abort(new Error('not here')),
        onOpen() {},
        onClose() {},
        onPeer() {},
        hosts: () => [],
      })
      const device = await LinkDevice.create()
      const addresses = linkAddresses({
        id: node.peerId.toString(),
        port,
        certhash: certificate.certhash,
        hosts: [],
        names: [],
      })
      return {
        transport: await device.transport(addresses, road),
        async close() {
          await device.close()
          await node.stop()
        },
      }
    },
  })
