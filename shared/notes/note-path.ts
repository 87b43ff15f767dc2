/** Names that Windows gives to devices, with any ending. */
const reserved = /^(con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³])(\.|$)/i
// oxlint-disable-next-line no-control-regex -- these are what is refused
const control = /[\u0000-\u001f\u007f-\u009f]/
/** Controls, and marks that are not seen or turn the reading direction. */
// oxlint-disable-next-line no-control-regex -- these are what is taken out
const invisible = /[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g
/** UTF-8 bytes a part of a path may have: file systems take 255, and a conflict mark must still fit. */
const maxPartBytes = 180
const conflictMark = /^(.+)\.sync-conflict-(\d{8}-\d{6})(?:-([A-Z0-9]{1,16}))?(\.[^.]*)?$/

/**
 * Whether a path stays below the notes folder and names a note: no way up, nothing hidden, nothing no file system
 * takes. Names that only some systems refuse pass, because such files arrive by sync.
 */
export function isNotePath(path: string): boolean {
  if (!/\.md$/i.test(path) || path.includes('\\') || control.test(path)) return false
  return path.split('/').every((part) => part !== '' && !part.startsWith('.'))
}

/** Whether a path can be made on every system: what a note that is written here has to be called. */
export function isPortablePath(path: string): boolean {
  return path.split('/').every((part) => part === safePart(part))
}

/** A title or name made safe to be part of a path on any file system. Never empty. */
export function safePart(given: string): string {
  const plain = given
    .toWellFormed()
    .normalize('NFC')
    .replace(invisible, '')
    .replace(/[<>:"|?*\\/\ufffd]/g, '-')
    .replace(/\s+/g, ' ')
    .replace(/^[\s.]+/, '')
    .replace(/[\s.]+$/, '')
  const named = reserved.test(plain) ? `_${plain}` : plain
  return shorten(named) || 'note'
}

/** `Plan.md`, 2 → `Plan 2.md`. */
export function numberedPath(path: string, number: number): string {
  if (number < 2) return path
  const ending = /\.[^./]+$/.exec(path)?.[0] ?? ''
  return `${path.slice(0, path.length - ending.length)} ${number}${ending}`
}

/** The name a person gives a note by: the last part without its ending. */
export function noteName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1).replace(/\.md$/i, '')
}

export function folderOf(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf('/')))
}

/** Of `Plan.sync-conflict-20260312-091500-ABCDEFG.md`: what it is a copy of, and which device wrote it. */
export function conflictOf(path: string): { of: string; device: string } | undefined {
  if (!path.includes('.sync-conflict-')) return undefined
  const folder = path.slice(0, path.lastIndexOf('/') + 1)
  const match = conflictMark.exec(path.slice(folder.length))
  return match ? { of: `${folder}${match[1]}${match[4] ?? ''}`, device: match[3] ?? '' } : undefined
}

function shorten(name: string): string {
  const encoder = new TextEncoder()
  if (encoder.encode(name).length <= maxPartBytes) return name
  const ending = /\.md$/i.exec(name)?.[0] ?? ''
  let kept = ''
  let bytes = ending.length
  for (const character of name.slice(0, name.length - ending.length)) {
    bytes += encoder.encode(character).length
    if (bytes > maxPartBytes) break
    kept += character
  }
  return kept.trimEnd() + ending
}
