import { ProtocolViolation, ProtoReader, ProtoWriter } from './proto.ts'

/** What each side says first, before anything is asked. */
export interface Hello {
  readonly deviceName: string
  readonly clientName: string
  readonly clientVersion: string
  /** Only between Silo devices. */
  readonly silo?: SiloHello
}

/** Who a Silo device is in the Block Exchange Protocol, and what it can do besides. */
export interface SiloHello {
  /** Its certificate in DER; the SHA-256 of it is the device id. Over Noise only: TLS has shown it. */
  readonly certificate: Uint8Array
  /** By the key of the certificate, over the ids of both ends of the Noise connection. */
  readonly signature: Uint8Array
  readonly packed: boolean
  /** Where it takes the same connection over TLS, which is faster; 0: nowhere. */
  readonly port: number
}

const magic = 0x2ea7d90b
const oldMagics = new Set([0x00010001, 0x00010000, 0x9f79bc40])
/** The length is a positive signed 16-bit number. */
export const maxHelloBytes = 32_767
/** Bytes before the hello: the magic number and the length. */
export const helloPrefixBytes = 6
const maxNameLength = 200
/** Field numbers far from those that Syncthing will use. */
const siloField = 4600

/** How many bytes follow the prefix. @throws ProtocolViolation unless it is one */
export function helloLength(prefix: Uint8Array): number {
  const view = new DataView(prefix.buffer, prefix.byteOffset, prefix.byteLength)
  const word = view.getUint32(0)
  if (oldMagics.has(word)) throw new ProtocolViolation('a protocol that is too old')
  if (word !== magic) throw new ProtocolViolation('not the Block Exchange Protocol')
  const length = view.getUint16(4)
  if (length > maxHelloBytes) throw new ProtocolViolation('a hello that is too long')
  return length
}

export function readHello(bytes: Uint8Array): Hello {
  let deviceName = ''
  let clientName = ''
  let clientVersion = ''
  let silo: SiloHello | undefined
  const reader = new ProtoReader(bytes)
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    if (tag === 0x0a) deviceName = reader.string().slice(0, maxNameLength)
    else if (tag === 0x12) clientName = reader.string().slice(0, maxNameLength)
    else if (tag === 0x1a) clientVersion = reader.string().slice(0, maxNameLength)
    else if (tag === ((siloField << 3) | 2)) silo = reader.message(readSilo)
    else reader.skip(tag)
  }
  return { deviceName, clientName, clientVersion, ...(silo ? { silo } : {}) }
}

function readSilo(reader: ProtoReader): SiloHello {
  let certificate: Uint8Array = new Uint8Array(0)
  let signature: Uint8Array = new Uint8Array(0)
  let packed = false
  let port = 0
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    if (tag === 0x0a) certificate = reader.copy()
    else if (tag === 0x12) signature = reader.copy()
    else if (tag === 0x18) packed = reader.bool()
    else if (tag === 0x20) port = reader.uint32() & 0xffff
    else reader.skip(tag)
  }
  return { certificate, signature, packed, port }
}

/** The whole hello, with what goes before it. */
export function writeHello(hello: Hello, now = Date.now()): Buffer {
  const writer = new ProtoWriter(1024)
    .string(1, hello.deviceName.slice(0, maxNameLength))
    .string(2, hello.clientName)
    .string(3, hello.clientVersion)
    // One connection and no more: Syncthing 2 opens several otherwise.
    .int(4, 1)
    .int(5, now * 1_000_000)
  const { silo } = hello
  if (silo)
    writer.message(siloField, (to) =>
      to.bytes(1, silo.certificate).bytes(2, silo.signature).bool(3, silo.packed).int(4, silo.port),
    )
  const body = writer.finish()
  const prefix = Buffer.alloc(helloPrefixBytes)
  prefix.writeUInt32BE(magic, 0)
  prefix.writeUInt16BE(body.length, 4)
  return Buffer.concat([prefix, body])
}
