import { createSocket } from 'node:dgram'
import { createServer } from 'node:net'

const attempts = 20

/**
 * A port number free for UDP and TCP, whose successor is free for TCP. The wanted ones come first, so that devices
 * find the companion where it was; 0 wants none in particular. Undefined where nothing is free.
 */
export async function freeLinkPort(wanted: readonly number[]): Promise<number | undefined> {
  for (const port of wanted) if (port > 0 && (await isFree(port))) return port
  for (let attempt = 0; attempt < attempts; attempt++) {
    const port = await anyTcpPort()
    if (port !== undefined && port < 65_535 && (await isFree(port))) return port
  }
  return undefined
}

async function isFree(port: number): Promise<boolean> {
  return (await tcpFree(port)) && (await tcpFree(port + 1)) && (await udpFree(port))
}

async function anyTcpPort(): Promise<number | undefined> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(undefined))
    server.listen(0, '0.0.0.0', () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' ? address?.port : undefined))
    })
  })
}

async function tcpFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen(port, '0.0.0.0', () => server.close(() => resolve(true)))
  })
}

async function udpFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createSocket('udp4')
    socket.once('error', () => socket.close(() => resolve(false)))
    socket.bind(port, '0.0.0.0', () => socket.close(() => resolve(true)))
  })
}
