import { inflateRawSync } from 'node:zlib'
import { SiloError } from '#shared/errors/silo-error.ts'

/** All parts of a file together, and one part, unpacked. */
const maxUnpacked = 400 * 1024 * 1024
const maxPart = 200 * 1024 * 1024
const maxEntries = 20_000
/** No document says so little in so many bytes; small parts (an empty picture) may. */
const maxRatio = 250
const ratioFrom = 10 * 1024 * 1024

interface Entry {
  readonly method: number
  readonly packed: number
  readonly unpacked: number
  /** Of its local header. */
  readonly at: number
}

/** A container that is unpacked part by part, within limits, whatever its directory claims. */
export class ZipFile {
  readonly #bytes: Uint8Array
  readonly #view: DataView
  readonly #entries = new Map<string, Entry>()
  #total = 0

  /**
   * Looks into a container before it is unpacked. A password makes of an Office file an OLE container; a small
   * file that claims to unpack to gigabytes is refused.
   * @throws SiloError file_encrypted, file_damaged, file_too_large
   */
  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    const view = this.#view
    if (bytes.length >= 8 && view.getUint32(0) === 0xd0cf11e0) throw new SiloError('file_encrypted')
    const end = this.#directoryEnd()
    const count = view.getUint16(end + 10, true)
    let at = view.getUint32(end + 16, true)
    let claimed = 0
    for (let index = 0; index < count; index++) {
      if (at + 46 > bytes.length || view.getUint32(at, true) !== 0x02014b50)
        throw new SiloError('file_damaged')
      const flags = view.getUint16(at + 8, true)
      if (flags & 1) throw new SiloError('file_encrypted')
      const nameLength = view.getUint16(at + 28, true)
      const entry = {
        method: view.getUint16(at + 10, true),
        packed: view.getUint32(at + 20, true),
        unpacked: view.getUint32(at + 24, true),
        at: view.getUint32(at + 42, true),
      }
      claimed += entry.unpacked
      const name = Buffer.from(bytes.subarray(at + 46, at + 46 + nameLength)).toString('utf8')
      this.#entries.set(name.replace(/^\/+/, '').replaceAll('\\', '/'), entry)
      at += 46 + nameLength + view.getUint16(at + 30, true) + view.getUint16(at + 32, true)
    }
    if (claimed > maxUnpacked || count > maxEntries) throw tooLarge(claimed)
  }

  get names(): string[] {
    return [...this.#entries.keys()]
  }

  /** A part, unpacked; nothing where there is none of this name. @throws SiloError file_damaged, file_too_large */
  read(name: string): Uint8Array | undefined {
    const entry = this.#entries.get(name)
    if (!entry) return undefined
    const view = this.#view
    const { at, packed, unpacked, method } = entry
    if (at + 30 > this.#bytes.length || view.getUint32(at, true) !== 0x04034b50)
      throw new SiloError('file_damaged')
    const start = at + 30 + view.getUint16(at + 26, true) + view.getUint16(at + 28, true)
    if (start + packed > this.#bytes.length) throw new SiloError('file_damaged')
    const limit = Math.min(maxPart, maxUnpacked - this.#total)
    if (unpacked > limit) throw tooLarge(unpacked)
    if (unpacked > ratioFrom && unpacked > packed * maxRatio) throw tooLarge(unpacked)
    const data = unpack(this.#bytes.subarray(start, start + packed), method, unpacked)
    this.#total += data.length
    return data
  }

  /** A part as text. @throws SiloError file_damaged, file_too_large */
  text(name: string): string | undefined {
    const data = this.read(name)
    if (!data) return undefined
    const wide = data[0] === 0xff && data[1] === 0xfe
    return new TextDecoder(wide ? 'utf-16le' : 'utf-8').decode(data)
  }

  #directoryEnd(): number {
    const { length } = this.#bytes
    let end = length - 22
    const earliest = Math.max(0, end - 65_535)
    while (end >= earliest && this.#view.getUint32(end, true) !== 0x06054b50) end--
    if (end < earliest || end < 0) throw new SiloError('file_damaged')
    return end
  }
}

function unpack(packed: Uint8Array, method: number, unpacked: number): Uint8Array {
  if (method === 0) {
    if (packed.length !== unpacked) throw new SiloError('file_damaged')
    return packed
  }
  if (method !== 8) throw new SiloError('file_damaged')
  try {
    // A directory that claims less than there is, is a trap.
    const data = inflateRawSync(packed, { maxOutputLength: Math.max(1, unpacked) })
    if (data.length !== unpacked) throw new RangeError('the directory lies')
    return new Uint8Array(data.buffer, data.byteOffset, data.length)
  } catch (cause) {
    throw new SiloError('file_damaged', { cause })
  }
}

function tooLarge(unpacked: number): SiloError {
  return new SiloError('file_too_large', {
    params: {
      size: `${Math.round(unpacked / 1e6)} MB`,
      limit: `${Math.round(maxUnpacked / 1e6)} MB`,
    },
  })
}
