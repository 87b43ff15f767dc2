/** UTF-8 bytes a name may have: file systems allow 255, and ` (2)` must still fit. */
const maxBytes = 200
/** Names that Windows gives to devices, with any ending. */
const reserved = /^(con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³])(\.|$)/i
/** Controls, and marks that turn the reading direction: `gpj.exe` must not pass for `exe.jpg`. */
// oxlint-disable-next-line no-control-regex -- these are what is taken out
const invisible = /[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g

/**
 * A name another device gave, made safe to keep on any file system: its last part only, NFC, no hidden or
 * reserved name, not too long. Never empty.
 */
export function safeFileName(given: string): string {
  const last = given.split(/[/\\]/).findLast((part) => part.trim() !== '' && part !== '.') ?? ''
  const plain = last
    .toWellFormed()
    .normalize('NFC')
    .replace(invisible, '')
    .replace(/[<>:"|?*\ufffd]/g, '_')
    .replace(/^\s+/, '')
    .replace(/[\s.]+$/, '')
    // Hidden files and office locks are passed over when a folder is read.
    .replace(/^(\.|~\$)+/, '_')
  const named = reserved.test(plain) ? `_${plain}` : plain
  return named === '' || named === '_' ? 'file' : shorten(named)
}

/** `report.pdf`, 2 → `report (2).pdf`. */
export function numbered(name: string, number: number): string {
  if (number < 2) return name
  const { stem, ending } = split(name)
  return `${stem} (${number})${ending}`
}

function shorten(name: string): string {
  if (Buffer.byteLength(name) <= maxBytes) return name
  const { stem, ending } = split(name)
  const room = maxBytes - Buffer.byteLength(ending)
  let kept = ''
  let bytes = 0
  for (const character of stem) {
    bytes += Buffer.byteLength(character)
    if (bytes > room) break
    kept += character
  }
  return kept.trimEnd() + ending
}

function split(name: string): { stem: string; ending: string } {
  const ending = /^.+?((?:\.tar)?\.[^.\s]{1,16})$/.exec(name)?.[1] ?? ''
  return { stem: name.slice(0, name.length - ending.length), ending }
}
