import { XMLParser } from 'fast-xml-parser'
import { SiloError } from '#shared/errors/silo-error.ts'

/** An element of a document format. Its name is without prefix (`a:t` is `t`), those of its attributes are as they stand. */
export interface XmlElement {
  readonly name: string
  readonly attributes: Readonly<Record<string, string>>
  readonly children: readonly (XmlElement | string)[]
}

const maxDepth = 200
const parser = new XMLParser({
  preserveOrder: true,
  ignoreAttributes: false,
  attributeNamePrefix: '',
  trimValues: false,
  parseTagValue: false,
  parseAttributeValue: false,
  // Entities a file defines can grow without end; the five that every file has are put in below.
  processEntities: false,
  maxNestedTags: maxDepth,
})

/** The root element. Entities a file defines itself are left as they stand. @throws SiloError file_damaged */
export function parseXml(source: string): XmlElement {
  let nodes: unknown
  try {
    nodes = parser.parse(source.replace(/^\ufeff/, ''))
  } catch (cause) {
    throw new SiloError('file_damaged', { cause })
  }
  const root = childrenOf(nodes, 0).find((node) => typeof node !== 'string')
  if (!root || typeof root === 'string') throw new SiloError('file_damaged')
  return root
}

/** All elements of this name below, in document order. */
export function* descendants(element: XmlElement, name: string): Generator<XmlElement> {
  for (const child of element.children) {
    if (typeof child === 'string') continue
    if (child.name === name) yield child
    yield* descendants(child, name)
  }
}

/** The first element of this name below. */
export function descendant(element: XmlElement | undefined, name: string): XmlElement | undefined {
  return element && descendants(element, name).next().value
}

/** The text of an element and all below it. */
export function xmlText(element: XmlElement | undefined): string {
  if (!element) return ''
  return element.children
    .map((child) => (typeof child === 'string' ? child : xmlText(child)))
    .join('')
}

/** The parser's own form: `[{ name: [children], ':@': { attribute: value } }]`, text under `#text`. */
function childrenOf(nodes: unknown, depth: number): (XmlElement | string)[] {
  if (!Array.isArray(nodes) || depth > maxDepth) return []
  return nodes.flatMap((node: Record<string, unknown>): (XmlElement | string)[] => {
    if ('#text' in node) return [decoded(String(node['#text']))]
    const name = Object.keys(node).find((key) => key !== ':@')
    if (name === undefined || name.startsWith('?')) return []
    const attributes = Object.entries((node[':@'] ?? {}) as Record<string, unknown>)
    return [
      {
        name: name.slice(name.indexOf(':') + 1),
        attributes: Object.fromEntries(attributes.map(([key, value]) => [key, decoded(String(value))])), // prettier-ignore
        children: childrenOf(node[name], depth + 1),
      },
    ]
  })
}

const named: Record<string, string> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" }

function decoded(text: string): string {
  return text.replace(
    /&(?:#(\d{1,7})|#x([0-9a-f]{1,6})|(amp|lt|gt|quot|apos));/gi,
    (whole, decimal, hex, name: string | undefined) => {
      // prettier-ignore
      if (name) return named[name.toLowerCase()] ?? whole
      const code = decimal ? Number(decimal) : Number.parseInt(hex as string, 16)
      return code > 0 && code <= 0x10ffff && !(code >= 0xd800 && code <= 0xdfff)
        ? String.fromCodePoint(code)
        : ''
    },
  )
}
