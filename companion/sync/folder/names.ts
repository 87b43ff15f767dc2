import { createHash } from 'node:crypto'

/** Never synchronised: the folder's marker, its ignore patterns, and what Syncthing keeps of old versions. */
const internal = new Set(['.stfolder', '.stignore', '.stversions'])
export const markerName = '.stfolder'
export const ignoreFileName = '.stignore'

const temporary = /^(\.syncthing\..*|~syncthing~.*)\.tmp$/s
/** Longer names are hashed in the names of temporary files, which must still fit. */
const longestPlain = 160
const maxNameBytes = 4096
const maxPartBytes = 255
/** Names that Windows gives to devices, with any ending. */
const reserved = /^(con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³])(\.|$)/i
// oxlint-disable-next-line no-control-regex -- these are what Windows refuses
const notOnWindows = /[<>:"|?*\\\u0000-\u001f]|[. ]$/

/**
 * Whether a name from another device may be used here: relative, without `..`, in the normal form, within the limits of
 * file systems, none of our own names. What is refused is never written, whatever its blocks.
 */
export function isSafeName(name: string, platform: NodeJS.Platform = process.platform): boolean {
  if (name === '' || name.length > maxNameBytes || name.includes('\0')) return false
  if (!name.isWellFormed() || name.includes('\ufffd') || name.normalize('NFC') !== name)
    return false
  if (Buffer.byteLength(name) > maxNameBytes) return false
  const parts = name.split('/')
  if (internal.has(parts[0]!.toLowerCase())) return false
  return parts.every((part) => isSafePart(part, platform))
}

function isSafePart(part: string, platform: NodeJS.Platform): boolean {
  if (part === '' || part === '.' || part === '..') return false
  if (part.length > maxPartBytes || Buffer.byteLength(part) > maxPartBytes) return false
  if (temporary.test(part)) return false
  return platform !== 'win32' || (!reserved.test(part) && !notOnWindows.test(part))
}

/** Names in the folder that are no part of what is synchronised. */
export function isInternal(name: string): boolean {
  const slash = name.indexOf('/')
  return internal.has(slash < 0 ? name : name.slice(0, slash)) || isTemporary(name)
}

export function isTemporary(name: string): boolean {
  return temporary.test(name.slice(name.lastIndexOf('/') + 1))
}

/** Where a file is put together before it takes its name; in the same directory, so that the rename is atomic. */
export function temporaryName(name: string): string {
  const [folder, base] = splitName(name)
  const kept =
    Buffer.byteLength(base) > longestPlain ? createHash('sha256').update(base).digest('hex') : base
  return joinName(folder, `.syncthing.${kept}.tmp`)
}

/** Where what is replaced or deleted stands until that is done: a temporary file beside those that are put together. */
export function asideName(name: string): string {
  const [folder, base] = splitName(temporaryName(name))
  return joinName(folder, base.replace('.syncthing.', '~syncthing~'))
}

/** The file a temporary one belongs to, where its name tells. */
export function nameOfTemporary(name: string): string | undefined {
  const [folder, base] = splitName(name)
  const kept = /^(?:\.syncthing\.|~syncthing~)(.*)\.tmp$/s.exec(base)?.[1]
  return kept === undefined ? undefined : joinName(folder, kept)
}

/** `a/report.txt` → `a/report.sync-conflict-20261123-064209-ABCDEFG.txt`, in local time as Syncthing does. */
export function conflictName(name: string, device: bigint, now = new Date()): string {
  const [folder, base] = splitName(name)
  const dot = base.lastIndexOf('.')
  const ending = dot > 0 && base.length - dot < 64 ? base.slice(dot) : ''
  const day = `${now.getFullYear()}${two(now.getMonth() + 1)}${two(now.getDate())}`
  const time = `${two(now.getHours())}${two(now.getMinutes())}${two(now.getSeconds())}`
  const mark = `.sync-conflict-${day}-${time}-${shortIdText(device)}`
  const room = maxPartBytes - Buffer.byteLength(mark + ending)
  let stem = ''
  let bytes = 0
  for (const character of base.slice(0, base.length - ending.length)) {
    bytes += Buffer.byteLength(character)
    if (bytes > room) break
    stem += character
  }
  return joinName(folder, stem + mark + ending)
}

function two(value: number): string {
  return String(value).padStart(2, '0')
}

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'

/** Seven letters of base32, as Syncthing writes short ids. */
export function shortIdText(id: bigint): string {
  let text = ''
  for (let i = 0; i < 7; i++) text += alphabet[Number((id >> BigInt(59 - i * 5)) & 31n)]
  return text
}

/** The first 8 bytes of a BEP device id, big endian. */
export function shortIdOf(bepId: Uint8Array): bigint {
  return Buffer.from(bepId.buffer, bepId.byteOffset, bepId.byteLength).readBigUInt64BE(0)
}

/** [folder or '', last part] */
export function splitName(name: string): [string, string] {
  const slash = name.lastIndexOf('/')
  return slash < 0 ? ['', name] : [name.slice(0, slash), name.slice(slash + 1)]
}

export function joinName(folder: string, base: string): string {
  return folder === '' ? base : `${folder}/${base}`
}

/** `a/b/c` → `a`, `a/b`. */
export function parentsOf(name: string): string[] {
  const parents: string[] = []
  for (let slash = name.indexOf('/'); slash >= 0; slash = name.indexOf('/', slash + 1))
    parents.push(name.slice(0, slash))
  return parents
}

/** For lists of problems: a hostile name may have thousands of bytes. */
export function shownName(name: string): string {
  const plain = name.toWellFormed()
  return plain.length > 200 ? `${plain.slice(0, 200)}…` : plain
}
