import { createRequire } from 'node:module'
import { Language, Parser, type Node } from 'web-tree-sitter'
import { containers, grammarOf, type Grammar } from './grammars.ts'
import type { Extracted, Segment } from './extracted.ts'
import { blocks, extractCode } from './plain.ts'

/** Longer sources are generated, and cut at blank lines like those of unknown languages. */
const maxLength = 2_000_000
const limitMs = 5000
/** A class of fewer characters is one piece, with its methods. */
const smallClass = 700
const maxDepth = 60
/** A tree with more of the text in nodes of errors than this share is of another language. */
const mostErrors = 0.2

interface Definition {
  readonly start: number
  readonly end: number
  readonly label: string
  readonly members: readonly Definition[]
}

/** Source code, by function, class and method; their names are the headings. */
export async function extractSource(source: string, fileName: string): Promise<Extracted> {
  const grammar = grammarOf(fileName)
  if (!grammar || source.length > maxLength) return extractCode(source, fileName)
  const text = source.replace(/^\ufeff/, '').replace(/\r\n?/g, '\n')
  const definitions = await definitionsOf(text, grammar)
  if (definitions.length === 0) return extractCode(source, fileName)
  const segments: Segment[] = []
  cut(text, { start: 0, end: text.length, members: definitions }, [], segments)
  return { kind: 'code', title: fileName, text, segments }
}

const require = createRequire(import.meta.url)
const languages = new Map<string, Promise<Language>>()
let ready: Promise<void> | undefined

/** Nothing where the text is not of the language its name tells, or takes too long. */
async function definitionsOf(text: string, grammar: Grammar): Promise<readonly Definition[]> {
  await (ready ??= Parser.init())
  let language = languages.get(grammar.file)
  if (!language) {
    language = Language.load(require.resolve(`@vscode/tree-sitter-wasm/wasm/tree-sitter-${grammar.file}.wasm`)) // prettier-ignore
    languages.set(grammar.file, language)
  }
  const parser = new Parser()
  parser.setLanguage(await language)
  const until = performance.now() + limitMs
  const tree = parser.parse(text, null, { progressCallback: () => performance.now() > until })
  try {
    if (!tree) return []
    if (errorsIn(tree.rootNode, 0) > text.length * mostErrors) return []
    return find(text, tree.rootNode, grammar, '', 0)
  } finally {
    tree?.delete()
    parser.delete()
  }
}

/** Characters in nodes the grammar could not make sense of. */
function errorsIn(node: Node, depth: number): number {
  if (node.isError) return node.endIndex - node.startIndex
  if (!node.hasError || depth > maxDepth) return 0
  return node.namedChildren.reduce(
    (sum, child) => sum + (child ? errorsIn(child, depth + 1) : 0),
    0,
  )
}

/** The outermost definitions below a node, in order. `inside`: the kind of what they are members of. */
function find(
  text: string,
  node: Node,
  grammar: Grammar,
  inside: string,
  depth: number,
): Definition[] {
  if (depth > maxDepth) return []
  const found: Definition[] = []
  const children = node.namedChildren.filter((child) => child !== null)
  for (const [index, child] of children.entries()) {
    const label = labelOf(child, grammar, inside)
    const own = label
      ? [definition(text, child, label, grammar, depth)]
      : isBody(child)
        ? find(text, child, grammar, inside, depth + 1)
        : []
    const first = own[0]
    if (!first) continue
    // `export`, decorators and `template <…>` wrap what they belong to, and comments stand above it.
    const wraps = !label && own.length === 1 && isWrapper(child)
    const start = leadStart(text, children, index, wraps || label ? child.startIndex : first.start)
    const end = wraps ? child.endIndex : first.end
    found.push({ ...first, start, end }, ...own.slice(1))
  }
  return found
}

function definition(
  text: string,
  node: Node,
  { kind, name }: { kind: string; name: string },
  grammar: Grammar,
  depth: number,
): Definition {
  const { startIndex: start, endIndex: end } = node
  const isLarge = containers.has(kind) && end - start > smallClass
  const members = isLarge ? find(text, node, grammar, kind, depth + 1) : []
  return { start, end, label: `${kind} ${name}`, members }
}

function labelOf(
  node: Node,
  grammar: Grammar,
  inside: string,
): { kind: string; name: string } | undefined {
  const kind = grammar.symbols[node.type]
  if (!kind) return undefined
  if (/^(variable_declarator|(public_)?field_definition)$/.test(node.type)) {
    const value = node.childForFieldName('value')
    if (!value || !/^(arrow_function|function_expression|generator_function)$/.test(value.type)) return undefined // prettier-ignore
  }
  // A type that is only mentioned, `struct stat buffer;`, or declared in advance.
  if (node.type.endsWith('_specifier') && !node.childForFieldName('body')) return undefined
  const name = nameOf(node)
  if (!name) return undefined
  const isMember =
    kind === 'function' && /^(class|struct|interface|trait|impl|record)$/.test(inside)
  return { kind: isMember ? 'method' : kind, name: name.replace(/\s+/g, ' ').slice(0, 120) }
}

function nameOf(node: Node): string | undefined {
  if (node.type === 'impl_item') {
    const type = node.childForFieldName('type')?.text
    const trait = node.childForFieldName('trait')?.text
    return trait ? `${trait} for ${type}` : type
  }
  const receiver = node.childForFieldName('receiver')?.text
  const type = receiver && /([\p{L}_][\p{L}\p{N}_]*)\s*(?:\[[^\]]*\])?\s*\)$/u.exec(receiver)?.[1]
  const field = node.childForFieldName('name') ?? node.childForFieldName('property')
  if (field) return type ? `${type}.${field.text}` : field.text
  // In C the name lies below what the function returns: `int *(*name)(…)`.
  let inner = node.childForFieldName('declarator')
  for (let step = 0; inner && step < 10; step++) {
    const below = inner.childForFieldName('declarator')
    if (!below) return /^[\w:~<>, =+*/[\]()!-]+$/.test(inner.text) ? inner.text : undefined
    inner = below
  }
  return node.namedChildren.find((child) => child && /^(simple_name|function_name)$/.test(child.type))?.text // prettier-ignore
}

/** Nodes that may hold definitions without being one. Bodies of functions are not looked into. */
function isBody({ type }: Node): boolean {
  return (
    isWrapper({ type }) ||
    /(^|_)(body|block|list|declaration|statement)$/.test(type) ||
    /^(preproc_\w+|linkage_specification|statement_list)$/.test(type)
  )
}

function isWrapper({ type }: { type: string }): boolean {
  return /^(export_statement|decorated_definition|template_declaration|lexical_declaration|variable_declaration|type_declaration|ambient_declaration|expression_statement)$/.test(type) // prettier-ignore
}

/** Where the comments and attributes right above a definition begin. */
function leadStart(text: string, siblings: readonly Node[], index: number, start: number): number {
  let lead = start
  for (let at = index - 1; at >= 0; at--) {
    const sibling = siblings[at]!
    if (!/comment|attribute|decorator|annotation/.test(sibling.type)) break
    const between = text.slice(sibling.endIndex, lead)
    if (between.trim() || (between.match(/\n/g)?.length ?? 0) > 1) break
    // A comment behind the code of the line before belongs to that.
    const line = text.slice(text.lastIndexOf('\n', sibling.startIndex - 1) + 1, sibling.startIndex)
    if (line.trim()) break
    lead = sibling.startIndex
  }
  return lead
}

/** Cuts a stretch of source into its definitions and what stands between them, of which nothing is lost. */
function cut(
  text: string,
  whole: Pick<Definition, 'start' | 'end' | 'members'>,
  headings: readonly string[],
  segments: Segment[],
): void {
  let at = whole.start
  for (const member of whole.members) {
    // Indentation belongs to the line, and a definition may end where the next begins.
    const start = Math.max(at, lineStart(text, member.start))
    segments.push(...blocks(text, at, start, 'code', headings))
    const path = [...headings, member.label]
    if (member.members.length > 0) cut(text, { ...member, start }, path, segments)
    else {
      const end = member.end - (text.slice(start, member.end).length - text.slice(start, member.end).trimEnd().length) // prettier-ignore
      if (end > start) segments.push({ start, end, kind: 'code', headings: path, page: 0 })
    }
    at = Math.max(at, member.end)
  }
  segments.push(...blocks(text, at, whole.end, 'code', headings))
}

/** The beginning of the line, where only white space stands before. */
function lineStart(text: string, at: number): number {
  const start = text.lastIndexOf('\n', at - 1) + 1
  return text.slice(start, at).trim() ? at : start
}
