import { SiloError } from '#shared/errors/silo-error.ts'
import { officeAbout } from './about.ts'
import { TextBuilder, titleOf, type Extracted } from './extracted.ts'
import { tableRows } from './table.ts'
import { descendant, descendants, parseXml, xmlText, type XmlElement } from './xml.ts'
import { ZipFile } from './zip.ts'

const maxSlides = 5000

/**
 * Slides in the order they are shown, each a page: its title as heading, its text, tables and diagrams, and
 * the speaker's notes. @throws SiloError file_damaged, file_encrypted, file_too_large
 */
export function extractPptx(bytes: Uint8Array, fileName: string): Extracted {
  const zip = new ZipFile(bytes)
  const slides = slidePaths(zip)
  if (slides.length > maxSlides)
    throw new SiloError('file_too_large', { params: { size: `${slides.length}`, limit: `${maxSlides}` } }) // prettier-ignore
  const builder = new TextBuilder()
  for (const [index, path] of slides.entries()) {
    const source = zip.text(path)
    if (source === undefined) continue
    builder.page = index + 1
    addSlide(builder, parseXml(source))
    const related = relations(zip, path)
    for (const { type, target } of related.values()) {
      const other = /\/(diagramData|notesSlide)$/.exec(type)?.[1]
      const text = other && zip.text(target)
      if (!text) continue
      if (other === 'diagramData') paragraphs(parseXml(text), builder)
      else addNotes(builder, parseXml(text))
    }
  }
  const { title, ...about } = officeAbout(zip)
  const own = title && !/^(powerpoint presentation|ppt(演示文稿)?|演示文稿)\b/i.test(title)
  return builder.build('slides', own ? title : titleOf(builder.segments, fileName), {
    ...about,
    pages: slides.length,
  })
}

function slidePaths(zip: ZipFile): string[] {
  const main = 'ppt/presentation.xml'
  const source = zip.text(main)
  if (source === undefined) throw new SiloError('file_damaged')
  const related = relations(zip, main)
  return [...descendants(parseXml(source), 'sldId')].flatMap(({ attributes }) => {
    // Two attributes are called id; the relation's begins with letters.
    const slide = Object.values(attributes).map((value) => related.get(value)).find(Boolean) // prettier-ignore
    return slide ? [slide.target] : []
  })
}

/** What a part refers to: id → kind and path inside the container. */
function relations(zip: ZipFile, path: string): Map<string, { type: string; target: string }> {
  const cut = path.lastIndexOf('/')
  const folder = path.slice(0, cut + 1)
  const source = zip.text(`${folder}_rels/${path.slice(cut + 1)}.rels`)
  const found = new Map<string, { type: string; target: string }>()
  if (!source) return found
  for (const { attributes } of descendants(parseXml(source), 'Relationship')) {
    const { Id: id, Type: type = '', Target: target = '', TargetMode: mode } = attributes
    if (!id || mode === 'External') continue
    found.set(id, { type, target: partPath(folder, target) })
  }
  return found
}

/** A path as the container has it, from one that may be relative to `folder`. */
export function partPath(folder: string, target: string): string {
  const parts: string[] = []
  for (const part of (target.startsWith('/') ? target : folder + target).split('/')) {
    if (part === '..') parts.pop()
    else if (part && part !== '.') parts.push(part)
  }
  return parts.join('/')
}

function addSlide(builder: TextBuilder, slide: XmlElement): void {
  const shapes = [...descendants(slide, 'sp')]
  const title = shapes.find((shape) => /^(ctrT|t)itle$/.test(placeholder(shape)))
  const heading = title ? textLines(title).join(' ') : ''
  // A slide without a title ends the section before it all the same.
  builder.section(1, heading)
  for (const shape of shapes)
    if (shape !== title && !/^(sldNum|dt|ftr)$/.test(placeholder(shape))) paragraphs(shape, builder)
  for (const table of descendants(slide, 'tbl')) {
    const rows = [...descendants(table, 'tr')].map((row) =>
      [...descendants(row, 'tc')].map((cell) => textLines(cell).join(' ')),
    )
    for (const row of tableRows(rows)) builder.row(row)
  }
}

function addNotes(builder: TextBuilder, notes: XmlElement): void {
  const body = [...descendants(notes, 'sp')].find((shape) => placeholder(shape) === 'body')
  const text = body ? textLines(body).join('\n') : ''
  if (text.trim()) builder.paragraph(text)
}

function placeholder(shape: XmlElement): string {
  const mark = descendant(shape, 'ph')
  return mark ? (mark.attributes.type ?? 'obj') : ''
}

function paragraphs(element: XmlElement, builder: TextBuilder): void {
  builder.paragraph(textLines(element).join('\n'))
}

function textLines(element: XmlElement): string[] {
  return [...descendants(element, 'p')]
    .map((paragraph) => runs(paragraph).replace(/\s+/g, ' ').trim())
    .filter(Boolean)
}

function runs(element: XmlElement): string {
  return element.children
    .map((child) => {
      if (typeof child === 'string') return ''
      if (child.name === 't') return xmlText(child)
      return child.name === 'br' ? ' ' : runs(child)
    })
    .join('')
}
