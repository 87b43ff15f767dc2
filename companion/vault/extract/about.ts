import type { About } from './extracted.ts'
import { descendant, parseXml, xmlText } from './xml.ts'
import type { ZipFile } from './zip.ts'

/** No document was written before, nor will one be from beyond tomorrow's calendar. */
const earliest = Date.UTC(1970, 0, 2)
const latest = Date.UTC(2100, 0, 1)

/** Date (any form `Date` knows) and author, where they are something. */
export function aboutOf(date: string | undefined, author: string | undefined): About {
  const at = date ? Date.parse(date.trim()) : NaN
  const name = author?.replace(/\s+/g, ' ').trim().slice(0, 200)
  return {
    ...(at >= earliest && at < latest ? { date: at } : {}),
    ...(name ? { author: name } : {}),
  }
}

/** What an Office file says of itself: who wrote it, when it was last changed. */
export function officeAbout(zip: ZipFile): About & { title?: string } {
  const source = zip.text('docProps/core.xml')
  if (!source) return {}
  try {
    const core = parseXml(source)
    const value = (name: string): string => xmlText(descendant(core, name)).trim()
    const title = value('title')
    // `python-docx` and the like are no authors.
    const author = value('creator') || value('lastModifiedBy')
    const about = aboutOf(value('modified') || value('created'), /^(python-|openpyxl)/.test(author) ? '' : author) // prettier-ignore
    return { ...about, ...(title ? { title: title.slice(0, 200) } : {}) }
  } catch {
    // The properties may be damaged where the text is not.
    return {}
  }
}

/** `D:20260312093000+01'00'`, as PDFs write dates. Ms since 1970. */
export function pdfDate(value: unknown): string | undefined {
  if (typeof value !== 'string') return undefined
  const match = /^(?:D:)?(\d{4})(\d\d)?(\d\d)?(\d\d)?(\d\d)?(\d\d)?(?:Z|([+-])(\d\d)'?(\d\d)?)?/.exec(value) // prettier-ignore
  if (!match) return undefined
  const [, year, month = '01', day = '01', hour = '00', minute = '00', second = '00', sign, zoneHour, zoneMinute = '00'] = match // prettier-ignore
  const zone = sign ? `${sign}${zoneHour}:${zoneMinute}` : 'Z'
  return `${year}-${month}-${day}T${hour}:${minute}:${second}${zone}`
}
