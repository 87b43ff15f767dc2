import { SiloError } from '#shared/errors/silo-error.ts'

/**
 * Text of unknown encoding: a byte order mark decides, else UTF-8 if it is valid, else GB18030 if it yields
 * mostly Chinese, else Windows-1252. NUL bytes mean that it is no text.
 * @throws SiloError file_unsupported
 */
export function decodeText(bytes: Uint8Array): string {
  const [a, b, c] = bytes
  if (a === 0xff && b === 0xfe) return new TextDecoder('utf-16le').decode(bytes)
  if (a === 0xfe && b === 0xff) return new TextDecoder('utf-16be').decode(bytes)
  if (a === 0xef && b === 0xbb && c === 0xbf) return new TextDecoder('utf-8').decode(bytes)
  if (bytes.subarray(0, 65_536).includes(0)) throw new SiloError('file_unsupported')
  const utf8 = strict('utf-8', bytes)
  if (utf8 !== undefined) return refuseBinary(utf8)
  const gb = strict('gb18030', bytes)
  if (gb !== undefined && isMostlyChinese(gb)) return gb
  return refuseBinary(new TextDecoder('windows-1252').decode(bytes))
}

function strict(encoding: string, bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder(encoding, { fatal: true }).decode(bytes)
  } catch {
    return undefined
  }
}

/** Of the characters beyond ASCII, most are the common Han characters and Chinese punctuation. */
function isMostlyChinese(text: string): boolean {
  const beyond = text.slice(0, 100_000).match(/[^\p{ASCII}]/gu) ?? []
  const han = beyond.filter((char) => /[\u4e00-\u9fa5\u3000-\u303f\uff00-\uffef]/u.test(char))
  return beyond.length > 0 && han.length / beyond.length > 0.7
}

function refuseBinary(text: string): string {
  const sample = text.slice(0, 20_000)
  // oxlint-disable-next-line no-control-regex -- control characters are what tells binary from text
  const control = sample.match(/[\u0000-\u0008\u000e-\u001a\u001c-\u001f\ufffd]/g)?.length ?? 0
  if (control > sample.length / 100) throw new SiloError('file_unsupported')
  return text
}
