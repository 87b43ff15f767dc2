import { extname } from 'node:path'

export interface Format {
  readonly kind:
    | 'markdown'
    | 'plain'
    | 'code'
    | 'html'
    | 'pdf'
    | 'docx'
    | 'xlsx'
    | 'csv'
    | 'pptx'
    | 'epub'
    | 'mail'
    | 'mbox'
    | 'image'
  readonly mediaType: string
  /** Bytes a file may have. Text is held in memory whole, so its limit is lower. */
  readonly limit: number
}

const MB = 1024 * 1024
const office = 'application/vnd.openxmlformats-officedocument'
const text = (kind: Format['kind'], mediaType: string): Format => ({
  kind,
  mediaType,
  limit: 20 * MB,
})
const container = (kind: Format['kind'], mediaType: string): Format => ({
  kind,
  mediaType,
  limit: 200 * MB,
})
const plain = text('plain', 'text/plain')
const code = text('code', 'text/x-code')

const plainEndings = 'txt text log rst adoc org tex srt vtt'
const codeEndings =
  'ts tsx js jsx mjs cjs mts cts py rb go rs java kt kts scala c h cc cpp hpp cxx cs swift m mm php pl lua r jl sh bash zsh fish ps1 bat sql css scss less svelte vue astro json jsonc json5 yaml yml toml ini cfg conf xml proto graphql gradle cmake dart ex exs erl hs ml clj el vim tf nix'
const byEnding = new Map<string, Format>([
  ...plainEndings.split(' ').map((ending) => [ending, plain] as const),
  ...codeEndings.split(' ').map((ending) => [ending, code] as const),
  ['md', text('markdown', 'text/markdown')],
  ['markdown', text('markdown', 'text/markdown')],
  ['html', text('html', 'text/html')],
  ['htm', text('html', 'text/html')],
  ['xhtml', text('html', 'text/html')],
  ['csv', text('csv', 'text/csv')],
  ['tsv', text('csv', 'text/tab-separated-values')],
  ['pdf', container('pdf', 'application/pdf')],
  ['eml', { kind: 'mail', mediaType: 'message/rfc822', limit: 50 * MB }],
  ['mbox', container('mbox', 'application/mbox')],
  ['pptx', container('pptx', `${office}.presentationml.presentation`)],
  ['epub', container('epub', 'application/epub+zip')],
  ['docx', container('docx', `${office}.wordprocessingml.document`)],
  ['xlsx', container('xlsx', `${office}.spreadsheetml.sheet`)],
])
for (const [endings, type] of [
  ['png', 'png'],
  ['jpg jpeg', 'jpeg'],
  ['webp', 'webp'],
  ['bmp', 'bmp'],
] as const)
  for (const ending of endings.split(' '))
    byEnding.set(ending, { kind: 'image', mediaType: `image/${type}`, limit: 50 * MB })
const byName = new Map<string, Format>([
  ...['dockerfile', 'makefile'].map((name) => [name, code] as const),
  ...['readme', 'license', 'changelog', 'notice', 'authors'].map((name) => [name, plain] as const),
])

/** How a file is read, by its name; nothing for what the vault does not read. */
export function formatOf(fileName: string): Format | undefined {
  const ending = extname(fileName).slice(1).toLowerCase()
  return byEnding.get(ending) ?? byName.get(fileName.toLowerCase())
}
