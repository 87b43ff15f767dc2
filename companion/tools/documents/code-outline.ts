import { extname } from 'node:path'
import * as v from 'valibot'
import type { Tool, ToolContext } from '#shared/contracts/tool.ts'
import { SiloError } from '#shared/errors/silo-error.ts'
import { readDocument, type DocumentContent, type DocumentToolDeps } from './document-copy.ts'

/** Endings of source files. */
const code = new Set('ts mts cts tsx js jsx mjs cjs py go rs java c h cc cpp hpp cxx cs rb php sh bash zsh ps1 swift kt scala lua sql vue svelte'.split(' ')) // prettier-ignore
const mostFiles = 400
const mostSymbols = 3000
const mostPieces = 8
const pieceLength = 3000
const skipped = /[/\\](?:node_modules|dist|build|target|vendor|__pycache__|coverage)[/\\]/

const inputSchema = v.strictObject({
  folder: v.pipe(v.string(), v.minLength(1), v.maxLength(4096)),
  words: v.optional(v.pipe(v.string(), v.maxLength(2000)), ''),
})
export type CodeOutlineInput = v.InferOutput<typeof inputSchema>

export interface CodeOutline {
  /** Every file with what it defines: `class Till`, `method total`. Lines count from 1. */
  readonly files: readonly { readonly path: string; readonly lines: number; readonly symbols: readonly { readonly name: string; readonly line: number }[] }[]
  /** The definitions that have most of the words, best first. */
  readonly pieces: readonly { readonly path: string; readonly name: string; readonly line: number; readonly text: string }[]
  readonly unread: number
} // prettier-ignore

/** Functions, classes and methods of the source files in a folder, and the pieces that a question is about. */
export function createCodeOutlineTool(deps: DocumentToolDeps): Tool<CodeOutlineInput> {
  return {
    specVersion: 1,
    name: 'code_outline',
    title: { en: 'Read source code', zh: '读取源代码' },
    description: 'Lists functions, classes and methods of the source files in a folder, and shows those that match words.', // prettier-ignore
    capability: 'files.read',
    readsForeignText: true,
    parameters: {
      type: 'object',
      properties: { folder: { type: 'string' }, words: { type: 'string' } },
      required: ['folder'],
      additionalProperties: false,
    },
    input: inputSchema,
    async call({ folder, words }, context) {
      const data = await outline(folder, words, deps, context)
      const symbols = data.files.reduce((sum, file) => sum + file.symbols.length, 0)
      const summary = context.language === 'zh' ? `${data.files.length} 个文件，${symbols} 个定义` : `${data.files.length} files, ${symbols} definitions` // prettier-ignore
      return { data, summary }
    },
  }
}

async function outline(folder: string, words: string, deps: DocumentToolDeps, context: ToolContext): Promise<CodeOutline> {
  const { files, signal, progress } = context
  const root = await files.resolve(folder, 'read', signal)
  const paths: string[] = []
  for await (const { kind, path } of files.walk(root, { limit: 50_000, signal }))
    if (kind === 'file' && code.has(extname(path).slice(1).toLowerCase()) && !skipped.test(path) && paths.length < mostFiles) paths.push(path)
  const found: { path: string; lines: number; symbols: { name: string; line: number }[] }[] = []
  const pieces: { path: string; name: string; line: number; text: string; score: number }[] = []
  const wanted = wordsOf(words)
  let unread = 0
  let symbols = 0
  for (const [index, path] of paths.entries()) {
    progress(index, paths.length, path.split(/[/\\]/).at(-1))
    const content = await readDocument(path, deps, context).then(
      (read) => read.content,
      (error: unknown) => {
        signal.throwIfAborted()
        if (!(error instanceof SiloError)) throw error
        return undefined
      },
    )
    if (!content) {
      unread++
      continue
    }
    const own = symbolsOf(content)
    found.push({ path, lines: content.text.split('\n').length, symbols: own.slice(0, mostSymbols - symbols).map(({ name, line }) => ({ name, line })) })
    symbols = Math.min(mostSymbols, symbols + own.length)
    for (const { name, line, text } of own) {
      const score = scoreOf(`${path.slice(root.length)} ${name}`, text, wanted)
      if (score > 0) pieces.push({ path, name, line, text: text.slice(0, pieceLength).toWellFormed(), score })
    }
  }
  const best = pieces.toSorted((a, b) => b.score - a.score).slice(0, mostPieces)
  return { files: found, pieces: best.map(({ path, name, line, text }) => ({ path, name, line, text })), unread }
} // prettier-ignore

interface Symbol {
  readonly name: string
  readonly line: number
  readonly text: string
}

/** One for each definition; a file of an unknown language is one piece. */
function symbolsOf({ segments, text }: DocumentContent): Symbol[] {
  const found = new Map<string, Symbol>()
  for (const { start, end, headings } of segments) {
    const name = headings.join(' › ')
    if (!name) continue
    const piece = text.slice(start, end)
    const known = found.get(name)
    if (known) found.set(name, { ...known, text: `${known.text}\n${piece}` })
    else found.set(name, { name, line: lineAt(text, start), text: piece })
  }
  if (found.size > 0) return [...found.values()]
  return text.trim() === '' ? [] : [{ name: '(file)', line: 1, text }]
}

function lineAt(text: string, offset: number): number {
  let line = 1
  for (let at = text.indexOf('\n'); at >= 0 && at < offset; at = text.indexOf('\n', at + 1)) line++
  return line
}

/** Words and the parts of names: `invoiceTotal` is `invoice` and `total`. Chinese counts by pairs. */
function wordsOf(text: string): Set<string> {
  const parts = text.replace(/([a-z\d])([A-Z])/g, '$1 $2').toLowerCase().split(/[^\p{L}\p{N}]+/u) // prettier-ignore
  const found = parts.flatMap((part) => (/\p{Script=Han}/u.test(part) ? [...part].map((_, at) => part.slice(at, at + 2)) : part.length > 2 ? [part.replace(/s$/, '')] : [])) // prettier-ignore
  return new Set(found)
}

function scoreOf(name: string, text: string, wanted: ReadonlySet<string>): number {
  const inName = wordsOf(name)
  const inText = wordsOf(text)
  let score = 0
  for (const word of wanted) score += (inName.has(word) ? 3 : 0) + (inText.has(word) ? 1 : 0)
  return score
}
