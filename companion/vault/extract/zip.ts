import { SiloError } from '#shared/errors/silo-error.ts'

const maxUnpacked = 400 * 1024 * 1024
const maxEntries = 20_000

/**
 * Looks into an Office file before it is unpacked. A password makes of it an OLE container; a small file
 * that claims to unpack to gigabytes is refused.
 * @throws SiloError file_encrypted, file_damaged, file_too_large
 */
export function checkZip(bytes: Uint8Array): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (bytes.length >= 8 && view.getUint32(0) === 0xd0cf11e0) throw new SiloError('file_encrypted')
  let end = bytes.length - 22
  const earliest = Math.max(0, end - 65_535)
  while (end >= earliest && view.getUint32(end, true) !== 0x06054b50) end--
  if (end < earliest) throw new SiloError('file_damaged')
  const entries = view.getUint16(end + 10, true)
  let at = view.getUint32(end + 16, true)
  let unpacked = 0
  for (let entry = 0; entry < entries; entry++) {
    if (at + 46 > bytes.length || view.getUint32(at, true) !== 0x02014b50)
      throw new SiloError('file_damaged')
    unpacked += view.getUint32(at + 24, true)
    at += 46 + view.getUint16(at + 28, true) + view.getUint16(at + 30, true) + view.getUint16(at + 32, true) // prettier-ignore
  }
  if (unpacked > maxUnpacked || entries > maxEntries)
    throw new SiloError('file_too_large', {
      params: { size: `${Math.round(unpacked / 1e6)} MB`, limit: '420 MB' },
    })
}
