import { crc32 } from 'node:zlib'
import { ZipFile } from './zip.ts'

/**
 * The same parts in a container that is in order: for readers that unpack by themselves, believe what a
 * directory claims, and wait for ever for parts that do not come. Nothing is compressed.
 * @throws SiloError file_encrypted, file_damaged, file_too_large
 */
export function cleanZip(bytes: Uint8Array): { zip: ZipFile; buffer: Buffer } {
  const source = new ZipFile(bytes)
  const local: Uint8Array[] = []
  const directory: Buffer[] = []
  let at = 0
  for (const name of source.names) {
    const data = source.read(name)
    if (!data) continue
    const path = Buffer.from(name)
    const fields = Buffer.alloc(26)
    fields.writeUInt16LE(20, 0)
    // Names are UTF-8.
    fields.writeUInt16LE(0x0800, 2)
    fields.writeUInt32LE(crc32(data), 10)
    fields.writeUInt32LE(data.length, 14)
    fields.writeUInt32LE(data.length, 18)
    fields.writeUInt16LE(path.length, 22)
    local.push(Buffer.from('PK\x03\x04', 'latin1'), fields, path, data)
    const more = Buffer.alloc(14)
    more.writeUInt32LE(at, 10)
    directory.push(Buffer.from('PK\x01\x02\x14\x00', 'latin1'), fields, more, path)
    at += 30 + path.length + data.length
  }
  const listed = Buffer.concat(directory)
  const end = Buffer.alloc(22)
  end.write('PK\x05\x06', 'latin1')
  end.writeUInt16LE(directory.length / 4, 8)
  end.writeUInt16LE(directory.length / 4, 10)
  end.writeUInt32LE(listed.length, 12)
  end.writeUInt32LE(at, 16)
  const buffer = Buffer.concat([...local, listed, end])
  return { zip: new ZipFile(buffer), buffer }
}
