import { constants } from 'node:crypto'
import { connect, createServer, type TLSSocket } from 'node:tls'
import { once } from 'node:events'
import { announcing } from '#companion/observe/outbound.ts'
import { SiloError } from '#shared/errors/silo-error.ts'
import { socketChannel } from './channel.ts'
import { BepConnection, type BepTimes } from './connection.ts'
import { greet, type OwnName } from './greeting.ts'
import { idOfCertificate, type BepIdentity } from './identity.ts'

const alpn = ['bep/1.0']
// AES in hardware is the fastest that either side has.
const ciphers = 'TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:ECDHE+AESGCM:ECDHE+CHACHA20' // prettier-ignore
const handshakeMs = 10_000
/** Connections that have not said who they are, at once. */
const maxUnknown = 32
const maxConnections = 256

export interface TlsParts {
  readonly identity: BepIdentity
  readonly own: OwnName
  readonly times?: Partial<BepTimes>
}

/** A device that may come: `peerId` where it is a companion, which speaks Silo's own messages too. */
export interface KnownParty {
  readonly peerId?: string
}

/** Somebody who came and is not in our list. */
export interface Stranger {
  readonly bepId: Uint8Array
  readonly name: string
  readonly address: string
}

/**
 * A connection to a device at an address; who answers is checked by its certificate.
 * @throws SiloError peer_unreachable, timeout; ProtocolViolation; the signal's reason
 */
export async function dialTls(
  parts: TlsParts &
    KnownParty & { readonly host: string; readonly port: number; readonly bepId: Uint8Array },
  signal: AbortSignal,
): Promise<BepConnection> {
  signal.throwIfAborted()
  const { identity, host, port } = parts
  const announcement = { kind: 'peer' as const, host, purpose: 'sync' }
  const socket = announcing(announcement, () =>
    connect({
      host,
      port,
      ALPNProtocols: alpn,
      key: identity.privateKey,
      cert: identity.certificate,
      ciphers,
      minVersion: 'TLSv1.2',
      // There are no authorities: the certificate is the identity, and is compared below.
      rejectUnauthorized: false,
      checkServerIdentity: () => undefined,
    }),
  )
  const limit = AbortSignal.any([signal, AbortSignal.timeout(handshakeMs)])
  try {
    await once(socket, 'secureConnect', { signal: limit })
    const found = peerIdOf(socket)
    if (!found || Buffer.compare(found, parts.bepId) !== 0)
      throw new Error('another device answers there')
  } catch (cause) {
    socket.on('error', () => {}).destroy()
    signal.throwIfAborted()
    throw new SiloError('peer_unreachable', { params: { address: `${host}:${port}` }, cause })
  }
  const { peerId } = parts
  return connection(socket, parts, parts.bepId, peerId === undefined ? {} : { peerId }, signal)
}

export interface TlsListener extends AsyncDisposable {
  readonly port: number
}

/**
 * Listens for Syncthing devices. Who is not known is told apart after its hello, so that its name can be shown, and
 * gets nothing but ours.
 * @throws SiloError port_in_use
 */
export async function listenTls(
  parts: TlsParts & {
    readonly port: number
    readonly host?: string
    known(bepId: Uint8Array): KnownParty | undefined
    onConnection(connection: BepConnection, address: string): void
    onStranger(stranger: Stranger): void
  },
): Promise<TlsListener> {
  const stop = new AbortController()
  const open = new Set<TLSSocket>()
  let unknown = 0
  const server = createServer(
    {
      key: parts.identity.privateKey,
      cert: parts.identity.certificate,
      ALPNProtocols: alpn,
      ciphers,
      honorCipherOrder: true,
      minVersion: 'TLSv1.2',
      requestCert: true,
      rejectUnauthorized: false,
      handshakeTimeout: handshakeMs,
      secureOptions: constants.SSL_OP_NO_TICKET,
    },
    (socket) => {
      const bepId = peerIdOf(socket)
      if (!bepId || unknown >= maxUnknown) {
        socket.on('error', () => {}).destroy()
        return
      }
      open.add(socket)
      socket.once('close', () => open.delete(socket))
      unknown++
      const address = `${(socket.remoteAddress ?? '').replace(/^::ffff:/, '')}:${socket.remotePort ?? 0}`
      connection(socket, parts, bepId, parts.known(bepId), stop.signal)
        .then((found) => {
          if (parts.known(bepId)) parts.onConnection(found, address)
          else {
            parts.onStranger({ bepId, name: found.name, address })
            void found.close('unknown device')
          }
        })
        .catch(() => socket.destroy())
        .finally(() => unknown--)
    },
  )
  server.maxConnections = maxConnections
  server.on('tlsClientError', (_error, socket) => socket.destroy())
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  server.once('error', reject)
  server.listen(parts.port, parts.host, resolve)
  try {
    await promise
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'EADDRINUSE')
      throw new SiloError('port_in_use', { params: { port: parts.port }, cause })
    throw cause
  }
  server.on('error', () => {})
  const bound = server.address()
  return {
    port: typeof bound === 'object' && bound ? bound.port : parts.port,
    async [Symbol.asyncDispose]() {
      stop.abort(new SiloError('shutting_down'))
      const closed = new Promise<void>((done) => server.close(() => done()))
      for (const socket of open) socket.destroy()
      await closed
    },
  }
}

async function connection(
  socket: TLSSocket,
  parts: TlsParts,
  bepId: Uint8Array,
  /** Only who is known is told our name. */
  known: KnownParty | undefined,
  signal: AbortSignal,
): Promise<BepConnection> {
  socket.setNoDelay(true)
  socket.setKeepAlive(true, 30_000)
  const channel = socketChannel(socket)
  const deviceName = known ? parts.own.deviceName : ''
  const peerId = known?.peerId
  const nothing = new Uint8Array(0)
  const silo = { certificate: nothing, signature: nothing, packed: true, port: 0 }
  const own = { ...parts.own, deviceName, clientName: 'silo', ...(peerId === undefined ? {} : { silo }) } // prettier-ignore
  const { hello, reader } = await greet(channel, own, signal)
  return new BepConnection({
    channel,
    reader,
    bepId,
    name: hello.deviceName,
    client: `${hello.clientName} ${hello.clientVersion}`.trim(),
    ...(peerId === undefined ? {} : { peerId }),
    features: { packed: peerId !== undefined && hello.silo?.packed === true },
    ...(parts.times ? { times: parts.times } : {}),
  })
}

function peerIdOf(socket: TLSSocket): Uint8Array | undefined {
  const certificate = socket.getPeerX509Certificate()
  return certificate && idOfCertificate(certificate.raw)
}
