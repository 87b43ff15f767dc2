import type { ArtifactKind } from '#shared/domain/artifact.ts'

/** Lines from which a block of source code is worth its own pane. */
const codeLines = 12

const kinds: Record<string, ArtifactKind> = {
  html: 'html',
  htm: 'html',
  xhtml: 'html',
  svg: 'svg',
  markdown: 'markdown',
  md: 'markdown',
  csv: 'csv',
  'vega-lite': 'chart',
  vegalite: 'chart',
  vega: 'chart',
  mermaid: 'diagram',
}

/** What a fenced block is, or undefined where it is too short to be an artifact. */
export function artifactKind(language: string, content: string): ArtifactKind | undefined {
  if (content.trim() === '') return undefined
  const start = content.trimStart().slice(0, 200).toLowerCase()
  const kind = kinds[language]
  if (kind === 'html' || ((language === 'xml' || language === '') && start.startsWith('<svg')))
    return start.startsWith('<svg') ? 'svg' : 'html'
  if (kind) return kind
  if (language === '' && /^<(!doctype html|html[\s>])/.test(start)) return 'html'
  if (language === 'json' && /"\$schema"\s*:\s*"[^"]*\/schema\/vega/.test(content.slice(0, 2000)))
    return 'chart'
  return content.trimEnd().split('\n').length >= codeLines ? 'code' : undefined
}

/** The title an artifact carries itself, or '' where it has none. At most 80 characters. */
export function artifactTitle(kind: ArtifactKind, info: string, content: string): string {
  const own = fileName(info) || titleInside(kind, content)
  return own.replace(/\s+/g, ' ').trim().slice(0, 80)
}

/** Versions of the same thing share this: the kind and, where there is one, the title. */
export function artifactKey(kind: ArtifactKind, title: string): string {
  const slug = title
    .normalize('NFKC')
    .toLowerCase()
    .replace(/[^\p{L}\p{N}]+/gu, '-')
    .replace(/^-+|-+$/g, '')
  return slug ? `${kind}:${slug}` : kind
}

/** A file name in what follows the language: `ts title="a.ts"`, `ts:src/a.ts`, `ts a.ts`. */
function fileName(info: string): string {
  const named = /(?:title|file|filename|name)\s*=\s*(?:"([^"]+)"|'([^']+)'|(\S+))/i.exec(info)
  if (named) return named[1] ?? named[2] ?? named[3] ?? ''
  return /(?:^|[\s:])([\w./-]+\.[A-Za-z]\w{0,9})(?=$|\s)/.exec(info)?.[1] ?? ''
}

function titleInside(kind: ArtifactKind, content: string): string {
  const head = content.slice(0, 20_000)
  if (kind === 'html') return unescape(/<title[^>]*>([^<]*)<\/title>/i.exec(head)?.[1] ?? heading(head)) // prettier-ignore
  if (kind === 'svg') return unescape(/<title[^>]*>([^<]*)<\/title>/i.exec(head)?.[1] ?? '')
  if (kind === 'markdown') return /^ {0,3}#{1,6}\s+(.+?)\s*#*\s*$/m.exec(head)?.[1] ?? ''
  if (kind === 'chart') return /"title"\s*:\s*"((?:[^"\\]|\\.)*)"/.exec(head)?.[1] ?? ''
  if (kind === 'diagram') return /^\s*(?:title:?|accTitle:)\s+(.+)$/m.exec(head)?.[1] ?? ''
  if (kind === 'code') return firstComment(head)
  return ''
}

function heading(html: string): string {
  return /<h1[^>]*>([^<]*)<\/h1>/i.exec(html)?.[1] ?? ''
}

function firstComment(code: string): string {
  const line = code.split('\n').find((text) => text.trim() !== '' && !text.startsWith('#!')) ?? ''
  const comment =
    /^\s*(?:\/\/+|#+|--+|;+|%+|<!--|\/\*+|"""|''')\s*(.+?)\s*(?:\*\/|-->|"""|''')?\s*$/.exec(line)
  return comment?.[1] ?? ''
}

function unescape(text: string): string {
  return text
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&quot;', '"')
    .replaceAll('&#39;', "'")
    .replaceAll('&amp;', '&')
}
