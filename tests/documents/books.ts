import { zip } from './zip.ts'

const relationType = 'http://schemas.openxmlformats.org/officeDocument/2006/relationships'
const names =
  'xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main" xmlns:p="http://schemas.openxmlformats.org/presentationml/2006/main" xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"'
const xml = (body: string): string => `<?xml version="1.0" encoding="UTF-8"?>\n${body}`
const relations = (targets: readonly (readonly [string, string, string])[]): string =>
  xml(
    `<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">${targets
      .map(
        ([id, type, target]) =>
          `<Relationship Id="${id}" Type="${relationType}/${type}" Target="${target}"/>`,
      ) // prettier-ignore
      .join('')}</Relationships>`,
  )

export const core = (title: string, author: string, modified: string): string =>
  xml(
    `<cp:coreProperties xmlns:cp="c" xmlns:dc="d" xmlns:dcterms="t"><dc:title>${title}</dc:title><dc:creator>${author}</dc:creator><dcterms:created>2025-01-01T00:00:00Z</dcterms:created><dcterms:modified>${modified}</dcterms:modified></cp:coreProperties>`,
  )

export interface Slide {
  readonly title: string
  readonly lines: readonly string[]
  readonly table?: readonly (readonly string[])[]
  readonly notes?: string
}

const shape = (type: string, lines: readonly string[]): string =>
  `<p:sp><p:nvSpPr><p:nvPr><p:ph type="${type}"/></p:nvPr></p:nvSpPr><p:txBody>${lines
    .map((line) => `<a:p><a:r><a:t>${line}</a:t></a:r></a:p>`)
    .join('')}</p:txBody></p:sp>`
const table = (rows: readonly (readonly string[])[]): string =>
  `<p:graphicFrame><a:graphic><a:graphicData><a:tbl>${rows
    .map(
      (row) =>
        `<a:tr>${row.map((cell) => `<a:tc><a:txBody><a:p><a:r><a:t>${cell}</a:t></a:r></a:p></a:txBody></a:tc>`).join('')}</a:tr>`,
    ) // prettier-ignore
    .join('')}</a:tbl></a:graphicData></a:graphic></p:graphicFrame>`

/** A presentation. Its slides are stored in the opposite of the order in which they are shown. */
export function pptx(slides: readonly Slide[], about = core('', '', '')): Uint8Array {
  const file = (index: number): string => `slide${slides.length - index}`
  const root = (name: string, body: string): string =>
    xml(`<p:${name} ${names}><p:cSld><p:spTree>${body}</p:spTree></p:cSld></p:${name}>`)
  return zip([
    { name: '[Content_Types].xml', data: xml('<Types/>') },
    { name: 'docProps/core.xml', data: about },
    {
      name: 'ppt/presentation.xml',
      data: xml(
        `<p:presentation ${names}><p:sldIdLst>${slides.map((_, index) => `<p:sldId r:id="rId${index + 1}" id="${256 + index}"/>`).join('')}</p:sldIdLst></p:presentation>`, // prettier-ignore
      ),
    },
    {
      name: 'ppt/_rels/presentation.xml.rels',
      data: relations(slides.map((_, index) => [`rId${index + 1}`, 'slide', `slides/${file(index)}.xml`])), // prettier-ignore
    },
    ...slides.flatMap((slide, index) => [
      {
        name: `ppt/slides/${file(index)}.xml`,
        data: root(
          'sld',
          // The body stands before the title, as programs may store it.
          `${shape('body', slide.lines)}${shape('title', [slide.title])}${slide.table ? table(slide.table) : ''}${shape('sldNum', [`${index + 1}`])}`, // prettier-ignore
        ),
      },
      ...(slide.notes === undefined
        ? []
        : [
            {
              name: `ppt/slides/_rels/${file(index)}.xml.rels`,
              data: relations([['rId1', 'notesSlide', `../notesSlides/notes${index}.xml`]]),
            },
            {
              name: `ppt/notesSlides/notes${index}.xml`,
              data: root('notes', `${shape('sldImg', [])}${shape('body', [slide.notes])}`),
            },
          ]),
    ]),
  ])
}

export interface Chapter {
  readonly file: string
  readonly name: string
  readonly body: string
}

/** A book whose manifest and files are in another order than its spine. */
export function epub(
  about: { title: string; author: string; date: string },
  chapters: readonly Chapter[],
): Uint8Array {
  const stored = chapters.toReversed()
  return zip([
    { name: 'mimetype', data: 'application/epub+zip' },
    {
      name: 'META-INF/container.xml',
      data: xml(
        '<container><rootfiles><rootfile full-path="OEBPS/book.opf" media-type="application/oebps-package+xml"/></rootfiles></container>', // prettier-ignore
      ),
    },
    {
      name: 'OEBPS/book.opf',
      data: xml(
        `<package xmlns:dc="d"><metadata><dc:title>${about.title}</dc:title><dc:creator>${about.author}</dc:creator><dc:date>${about.date}</dc:date></metadata><manifest><item id="nav" href="nav.xhtml" properties="nav" media-type="application/xhtml+xml"/>${stored
          .map(({ file }) => `<item id="${file}" href="text/${encodeURIComponent(file)}.xhtml" media-type="application/xhtml+xml"/>`) // prettier-ignore
          .join('')}</manifest><spine><itemref idref="nav"/>${chapters.map(({ file }) => `<itemref idref="${file}"/>`).join('')}</spine></package>`, // prettier-ignore
      ),
    },
    {
      name: 'OEBPS/nav.xhtml',
      data: xml(
        `<html xmlns="http://www.w3.org/1999/xhtml"><body><nav><ol>${chapters
          .map(
            ({ file, name }) =>
              `<li><a href="text/${encodeURIComponent(file)}.xhtml#top">${name}</a></li>`,
          ) // prettier-ignore
          .join('')}</ol></nav></body></html>`,
      ),
    },
    ...stored.map(({ file, body }) => ({
      name: `OEBPS/text/${file}.xhtml`,
      data: xml(`<html xmlns="http://www.w3.org/1999/xhtml"><head><title>x</title></head><body>${body}</body></html>`), // prettier-ignore
    })),
  ])
}
