import { createSocket, type Socket } from 'node:dgram'
import { randomBytes } from 'node:crypto'
import { networkInterfaces } from 'node:os'
import type { Log } from '#companion/observe/log.ts'
import { parseSyncAddress, type SyncAddress } from './addresses.ts'
import { ProtoReader, ProtoWriter } from './bep/proto.ts'
import type { Discovery } from './connections.ts'

export interface LocalDiscoveryInit {
  readonly bepId: Uint8Array
  /** A device was heard that was not heard lately. */
  onFound(bepId: Uint8Array): void
  readonly log: Log
  /** In tests. */
  readonly port?: number
  /** Where announcements go; the broadcast addresses of this machine unless told. */
  readonly targets?: () => readonly string[]
}

const magic = 0x2ea7d90b
const defaultPort = 21_027
const everyMs = 30_000
/** As long as Syncthing believes an announcement. */
const validMs = 3 * everyMs
const maxPacketBytes = 4096
const maxHeard = 500
const maxAddresses = 16

/** Syncthing's local discovery: says by broadcast who is here and at which port, and listens who else is. IPv4. */
export class LocalDiscovery implements Discovery {
  readonly #init: LocalDiscoveryInit
  readonly #heard = new Map<string, { at: number; instance: bigint; addresses: SyncAddress[] }>()
  readonly #instance = randomBytes(8).readBigUInt64BE() >> 1n
  #socket: Socket | undefined
  #timer: NodeJS.Timeout | undefined
  #announcement: Buffer | undefined

  constructor(init: LocalDiscoveryInit) {
    this.#init = init
  }

  start(port: number): void {
    const writer = new ProtoWriter().bytes(1, this.#init.bepId).string(2, `tcp://0.0.0.0:${port}`)
    const body = writer.uint64(3, this.#instance).finish()
    const head = Buffer.alloc(4)
    head.writeUInt32BE(magic)
    this.#announcement = Buffer.concat([head, body])
    const socket = createSocket({ type: 'udp4', reuseAddr: true })
    this.#socket = socket
    socket.on('message', (packet, { address }) => this.#hear(packet, address))
    socket.on('error', (error) =>
      this.#init.log.warn('local discovery of Syncthing devices failed', { error }),
    )
    socket.bind(this.#init.port ?? defaultPort, () => {
      socket.setBroadcast(true)
      socket.unref()
      this.#announce()
    })
    this.#timer = setInterval(() => this.#announce(), everyMs)
    this.#timer.unref()
  }

  lookup(bepId: Uint8Array): readonly SyncAddress[] {
    const heard = this.#heard.get(Buffer.from(bepId).toString('hex'))
    return heard && performance.now() - heard.at < validMs ? heard.addresses : []
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer)
    const socket = this.#socket
    this.#socket = undefined
    if (socket) await new Promise<void>((resolve) => socket.close(() => resolve()))
  }

  #announce(): void {
    const port = this.#init.port ?? defaultPort
    for (const target of this.#init.targets?.() ?? broadcasts())
      this.#socket?.send(this.#announcement!, port, target, () => {})
  }

  #hear(packet: Buffer, from: string): void {
    const found = packet.length <= maxPacketBytes ? readAnnouncement(packet, from) : undefined
    if (!found || Buffer.compare(found.bepId, this.#init.bepId) === 0) return
    const key = Buffer.from(found.bepId).toString('hex')
    const before = this.#heard.get(key)
    const now = performance.now()
    this.#heard.delete(key)
    this.#heard.set(key, { at: now, instance: found.instance, addresses: found.addresses })
    for (const oldest of this.#heard.keys()) {
      if (this.#heard.size <= maxHeard) break
      this.#heard.delete(oldest)
    }
    if (before && now - before.at < validMs && before.instance === found.instance) return
    // Who has just come should not wait half a minute to hear of us.
    this.#announce()
    this.#init.onFound(found.bepId)
  }
}

/** Undefined where it is none. Addresses without a host are those of the sender. */
export function readAnnouncement(
  packet: Buffer,
  from: string,
): { bepId: Uint8Array; instance: bigint; addresses: SyncAddress[] } | undefined {
  if (packet.length < 4 || packet.readUInt32BE() !== magic) return undefined
  let bepId = new Uint8Array(0)
  let instance = 0n
  const addresses: SyncAddress[] = []
  try {
    const reader = new ProtoReader(packet.subarray(4))
    for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
      if (tag === 0x0a) bepId = reader.copy()
      else if (tag === 0x12) {
        const text = reader.string()
        const address = text.startsWith('tcp') ? parseSyncAddress(text.replace('://:', '://0.0.0.0:')) : undefined // prettier-ignore
        if (!address || addresses.length >= maxAddresses) continue
        const isOpen = address.host === '0.0.0.0' || address.host === '::'
        addresses.push(isOpen ? { ...address, host: from } : address)
      } else if (tag === 0x18) instance = reader.uint64()
      else reader.skip(tag)
    }
  } catch {
    return undefined
  }
  return bepId.length === 32 ? { bepId, instance, addresses } : undefined
}

/** The broadcast address of each network this machine is in. */
function broadcasts(): string[] {
  const found = new Set<string>()
  for (const addresses of Object.values(networkInterfaces()))
    for (const { family, internal, address, netmask } of addresses ?? []) {
      if (family !== 'IPv4' || internal) continue
      const mask = netmask.split('.').map(Number)
      found.add(address.split('.').map((part, at) => (Number(part) | ~mask[at]!) & 0xff).join('.')) // prettier-ignore
    }
  return found.size > 0 ? [...found] : ['255.255.255.255']
}
