import { createSocket } from 'node:dgram'
import { afterEach, describe, expect, test } from 'vitest'
import { silentLog } from '#companion/observe/log.ts'
import { parseSyncAddress } from './addresses.ts'
import { LocalDiscovery, readAnnouncement } from './local-discovery.ts'

const closers: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closers.splice(0)) await close()
})

async function freePort(): Promise<number> {
  const socket = createSocket('udp4')
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve))
  const { port } = socket.address()
  await new Promise<void>((resolve) => socket.close(() => resolve()))
  return port
}

describe('addresses', () => {
  test('what people write', () => {
    expect(parseSyncAddress('tcp://192.168.1.5:22001')).toEqual({ host: '192.168.1.5', port: 22_001 }) // prettier-ignore
    expect(parseSyncAddress('nas.local')).toEqual({ host: 'nas.local', port: 22_000 })
    expect(parseSyncAddress('tcp6://[fe80::1%eth0]:9/')).toEqual({ host: 'fe80::1%eth0', port: 9 })
    for (const text of [
      'dynamic',
      'quic://a:1',
      'relay://a',
      'tcp://a:70000',
      'tcp://a:0',
      '',
      'a b',
    ])
      expect(parseSyncAddress(text), text).toBeUndefined()
  })
})

describe("Syncthing's local announcements", () => {
  test('one that Syncthing sends is understood, its open address being that of the sender', () => {
    // Magic, id (32 × 0x07), "tcp://0.0.0.0:22000", "quic://0.0.0.0:22000", instance 5.
    const id = '07'.repeat(32)
    const [tcp, quic] = ['tcp://0.0.0.0:22000', 'quic://0.0.0.0:22000'].map((text) => Buffer.from(text).toString('hex')) // prettier-ignore
    const packet = Buffer.from(`2ea7d90b0a20${id}1213${tcp}1214${quic}1805`, 'hex')
    expect(readAnnouncement(packet, '10.0.0.9')).toEqual({
      bepId: new Uint8Array(32).fill(7),
      instance: 5n,
      addresses: [{ host: '10.0.0.9', port: 22_000 }],
    })
  })

  test('anything else is nothing', () => {
    for (const hex of ['', '2ea7', '7d79bc400a00', '2ea7d90b', '2ea7d90b0a05aabb', '2ea7d90bff'])
      expect(readAnnouncement(Buffer.from(hex, 'hex'), '10.0.0.9')).toBeUndefined()
  })

  test('two hear each other, and nobody hears itself', async () => {
    const port = await freePort()
    const found: string[] = []
    const devices = [1, 2].map((value) => {
      const discovery = new LocalDiscovery({
        bepId: new Uint8Array(32).fill(value),
        onFound: (bepId) => void found.push(`${value} heard ${bepId[0]}`),
        log: silentLog,
        port,
        // All that listen on this port of the loopback network.
        targets: () => ['127.255.255.255'],
      })
      closers.push(() => discovery[Symbol.asyncDispose]())
      discovery.start(20_000 + value)
      return discovery
    })
    await expect.poll(() => found.toSorted(), { timeout: 5000 }).toEqual(['1 heard 2', '2 heard 1'])
    const [address] = devices[0]!.lookup(new Uint8Array(32).fill(2))
    expect(address).toMatchObject({ port: 20_002 })
    expect(devices[0]!.lookup(new Uint8Array(32).fill(3))).toEqual([])
  })
})
