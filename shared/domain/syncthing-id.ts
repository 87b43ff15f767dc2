import * as v from 'valibot'

/**
 * The id of a device in Syncthing's protocol: the SHA-256 of its certificate, written in base32 with a check digit
 * after each 13 characters, in eight groups of seven.
 */
const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'
export const syncthingIdBytes = 32
const textLength = 52

/** @throws RangeError unless it is 32 bytes */
export function formatSyncthingId(id: Uint8Array): string {
  if (id.length !== syncthingIdBytes) throw new RangeError('a device id has 32 bytes')
  const text = base32(id)
  let checked = ''
  for (let at = 0; at < textLength; at += 13) {
    const part = text.slice(at, at + 13)
    checked += part + checkDigit(part)
  }
  return checked.match(/.{7}/g)!.join('-')
}

/**
 * Reads an id as people write it: with or without dashes and blanks, in small letters, 0, 1 and 8 for O, I and B.
 * Undefined where it is no id, or a check digit is wrong.
 */
export function parseSyncthingId(text: string): Uint8Array | undefined {
  if (text.length > 200) return undefined
  const plain = text
    .toUpperCase()
    .replace(/[\s-]/g, '')
    .replace(/=+$/, '')
    .replaceAll('0', 'O')
    .replaceAll('1', 'I')
    .replaceAll('8', 'B')
  if (!/^[A-Z2-7]{56}$/.test(plain)) return undefined
  let digits = ''
  for (let at = 0; at < plain.length; at += 14) {
    const part = plain.slice(at, at + 13)
    if (checkDigit(part) !== plain[at + 13]) return undefined
    digits += part
  }
  return fromBase32(digits)
}

/** A device id in the one form that is stored and shown. */
export const syncthingIdSchema = v.pipe(
  v.string(),
  v.maxLength(200),
  v.check((text) => parseSyncthingId(text) !== undefined, 'not a Syncthing device id'),
  v.transform((text) => formatSyncthingId(parseSyncthingId(text)!)),
)

/** Luhn's sum in base 32, with the factors in the order Syncthing has them. */
function checkDigit(part: string): string {
  let sum = 0
  let factor = 1
  for (const digit of part) {
    const addend = factor * alphabet.indexOf(digit)
    factor = factor === 2 ? 1 : 2
    sum += Math.floor(addend / 32) + (addend % 32)
  }
  return alphabet[(32 - (sum % 32)) % 32]!
}

function base32(bytes: Uint8Array): string {
  let text = ''
  let value = 0
  let bits = 0
  for (const byte of bytes) {
    value = ((value << 8) | byte) & 0xfff
    bits += 8
    for (; bits >= 5; bits -= 5) text += alphabet[(value >> (bits - 5)) & 31]
  }
  return bits > 0 ? text + alphabet[(value << (5 - bits)) & 31] : text
}

/** Undefined where bits that no byte has are set: two texts for one id would be two devices to whoever compares text. */
function fromBase32(text: string): Uint8Array | undefined {
  const bytes = new Uint8Array(syncthingIdBytes)
  let value = 0
  let bits = 0
  let at = 0
  for (const digit of text) {
    value = ((value << 5) | alphabet.indexOf(digit)) & 0xfff
    bits += 5
    if (bits < 8) continue
    bits -= 8
    bytes[at++] = (value >> bits) & 0xff
  }
  return (value & ((1 << bits) - 1)) === 0 ? bytes : undefined
}
