import { createSocket, type RemoteInfo, type Socket as UdpSocket } from 'node:dgram'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'

/** A stretch of network that can be cut: TCP and UDP on one port, passed on to another of this machine. */
export interface Relay {
  readonly port: number
  /** Breaks every TCP connection and lets nothing through, as a cable that is pulled. */
  cut(): void
  mend(): void
  close(): Promise<void>
}

export async function startRelay(targetPort: number): Promise<Relay> {
  let open = true
  const pairs = new Set<Socket>()
  const server = createServer((near) => {
    if (!open) return void near.destroy()
    const far = connect(targetPort, '127.0.0.1')
    for (const socket of [near, far]) {
      pairs.add(socket.setNoDelay(true))
      socket.on('error', () => {})
      socket.on('close', () => {
        pairs.delete(socket)
        near.destroy()
        far.destroy()
      })
    }
    near.pipe(far)
    far.pipe(near)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo

  /** One socket towards the target for each sender, so that answers find their way back. */
  const senders = new Map<string, UdpSocket>()
  const near = createSocket('udp4')
  near.on('message', (message, from: RemoteInfo) => {
    if (!open) return
    const key = `${from.address}:${from.port}`
    let far = senders.get(key)
    if (!far) {
      far = createSocket('udp4')
      far.on('error', () => {})
      far.on('message', (answer) => open && near.send(answer, from.port, from.address))
      senders.set(key, far)
    }
    far.send(message, targetPort, '127.0.0.1')
  })
  await new Promise<void>((resolve) => near.bind(port, '127.0.0.1', resolve))

  const cut = (): void => {
    open = false
    for (const socket of pairs) socket.destroy()
  }
  return {
    port,
    cut,
    mend() {
      open = true
    },
    async close() {
      cut()
      for (const far of senders.values()) far.close()
      near.close()
      await new Promise<void>((resolve) => server.close(() => resolve()))
    },
  }
}
