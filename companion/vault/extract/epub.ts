import { SiloError } from '#shared/errors/silo-error.ts'
import { aboutOf } from './about.ts'
import { TextBuilder, type Extracted } from './extracted.ts'
import { extractHtml } from './html.ts'
import { partPath } from './pptx.ts'
import { descendant, descendants, parseXml, xmlText, type XmlElement } from './xml.ts'
import { ZipFile } from './zip.ts'

interface Item {
  readonly path: string
  readonly mediaType: string
  readonly properties: string
}

/**
 * A book in reading order. Its chapters are headings: their own, else what the table of contents calls them.
 * @throws SiloError file_damaged, file_encrypted, file_too_large
 */
export function extractEpub(bytes: Uint8Array, fileName: string): Extracted {
  const zip = new ZipFile(bytes)
  const container = zip.text('META-INF/container.xml')
  const main = container && descendant(parseXml(container), 'rootfile')?.attributes['full-path']
  const source = main && zip.text(main)
  if (!main || !source) throw new SiloError('file_damaged')
  const book = parseXml(source)
  const folder = main.slice(0, main.lastIndexOf('/') + 1)
  const items = new Map<string, Item>()
  for (const { attributes } of descendants(book, 'item'))
    items.set(attributes.id ?? '', {
      path: partPath(folder, unescaped(attributes.href ?? '')),
      mediaType: attributes['media-type'] ?? '',
      properties: attributes.properties ?? '',
    })
  const spine = [...descendants(book, 'itemref')].flatMap(({ attributes }) => {
    const item = items.get(attributes.idref ?? '')
    return item && /html/.test(item.mediaType) && !/\bnav\b/.test(item.properties) ? [item] : []
  })
  refuseLocked(zip, spine)
  const chapters = contents(zip, items)
  const builder = new TextBuilder()
  for (const { path } of spine) {
    const text = zip.text(path)
    if (text === undefined) continue
    const chapter = extractHtml(text, path)
    const first = chapter.segments[0]
    const called = chapters.get(path)
    if (first?.kind === 'heading') builder.section(1, '')
    else if (called) builder.section(1, called)
    builder.append(chapter)
  }
  const value = (name: string): string => xmlText(descendant(book, name)).trim()
  const authors = [...descendants(book, 'creator')].map((creator) => xmlText(creator).trim())
  return builder.build('document', value('title') || fileName.replace(/\.[^.]+$/, ''), {
    ...aboutOf(value('date'), authors.filter(Boolean).join(', ')),
  })
}

/** Copy protection locks chapters; locked fonts do not matter. */
function refuseLocked(zip: ZipFile, spine: readonly Item[]): void {
  const source = zip.text('META-INF/encryption.xml')
  if (!source) return
  const locked = new Set(
    [...descendants(parseXml(source), 'CipherReference')].map(({ attributes }) =>
      unescaped(attributes.URI ?? ''),
    ),
  )
  if (spine.some(({ path }) => locked.has(path))) throw new SiloError('file_encrypted')
}

/** Path of a chapter → its name, from the table of contents (EPUB 3: a page; EPUB 2: NCX). */
function contents(zip: ZipFile, items: ReadonlyMap<string, Item>): Map<string, string> {
  const names = new Map<string, string>()
  const add = (from: string, href: string | undefined, name: string): void => {
    const target = unescaped((href ?? '').replace(/#.*$/, ''))
    const path = partPath(from.slice(0, from.lastIndexOf('/') + 1), target)
    const clean = name.replace(/\s+/g, ' ').trim()
    if (target && clean && !names.has(path)) names.set(path, clean)
  }
  for (const { path, mediaType, properties } of items.values()) {
    const isPage = /\bnav\b/.test(properties)
    if (!isPage && mediaType !== 'application/x-dtbncx+xml') continue
    try {
      const source = zip.text(path)
      if (!source) continue
      const root: XmlElement = parseXml(source)
      if (isPage)
        for (const link of descendants(root, 'a')) add(path, link.attributes.href, xmlText(link))
      else
        for (const point of descendants(root, 'navPoint'))
          add(path, descendant(point, 'content')?.attributes.src, xmlText(descendant(point, 'text'))) // prettier-ignore
    } catch {
      // Without a table of contents, chapters have the names they give themselves.
    }
  }
  return names
}

function unescaped(href: string): string {
  try {
    return decodeURIComponent(href)
  } catch {
    return href
  }
}
