import { basename, extname } from 'node:path'
import type { Fact } from '#shared/domain/file-change.ts'

const fields: readonly (readonly [string, RegExp])[] = [
  ['date', /日期|date/i],
  ['amount', /金额|总额|amount|total/i],
  ['company', /公司|供应商|商家|company|vendor|supplier/i],
]

/** `日期_金额_公司.pdf`, `date-company` → `{date}_{amount}_{company}`; undefined where the instruction names no pattern. */
export function templateIn(goal: string): string | undefined {
  const word = '(?:日期|金额|总额|公司|供应商|商家|date|amount|total|company|vendor|supplier)'
  const found = new RegExp(`${word}(?:\\s?[_\\-–+ ]\\s?${word}){1,2}`, 'i').exec(goal)?.[0]
  if (!found) return undefined
  return fields.reduce((text, [name, pattern]) => text.replace(pattern, `{${name}}`), found)
}

/** A file name from facts, safe on every system; what is not known is left as a question mark's place: `unknown`. */
export function nameFrom(
  template: string,
  facts: Readonly<Record<string, Fact>>,
  path: string,
): string {
  // prettier-ignore
  const filled = template.replace(/\{(\w+)\}/g, (_, name: string) => facts[name]?.value.trim() || 'unknown') // prettier-ignore
  const clean = filled
    .normalize('NFC')
    // eslint-disable-next-line no-control-regex
    .replace(/[\u0000-\u001f\u007f<>:"/\\|?*]+/g, '-')
    .replace(/\s+/g, ' ')
    .replace(/^[\s.]+|[\s.]+$/g, '')
  const ending = extname(path).toLowerCase()
  const base = clean.toLowerCase().endsWith(ending) ? clean.slice(0, -ending.length || undefined) : clean // prettier-ignore
  // Names of devices on Windows, and what is too long for a file system (bytes, with room for a number).
  const safe = /^(con|prn|aux|nul|com\d|lpt\d)$/i.test(base) ? `${base}_` : base
  let short = safe
  while (Buffer.byteLength(short) > 200) short = [...short].slice(0, -1).join('')
  return `${short || basename(path, extname(path))}${ending}`
}
