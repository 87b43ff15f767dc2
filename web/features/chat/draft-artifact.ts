import type { ArtifactKind } from '#shared/domain/artifact.ts'

/** An artifact that is still being written, shown before the companion has stored it. */
export interface DraftArtifact {
  readonly kind: ArtifactKind
  readonly title: string
  readonly language: string
  readonly content: string
}

interface Fence {
  readonly language: string
  readonly lines: string[]
  closed: boolean
}

const kinds: Readonly<Record<string, { kind: ArtifactKind; title: string }>> = {
  html: { kind: 'html', title: 'HTML' },
  htm: { kind: 'html', title: 'HTML' },
  svg: { kind: 'svg', title: 'SVG' },
  markdown: { kind: 'markdown', title: 'Markdown' },
  md: { kind: 'markdown', title: 'Markdown' },
  csv: { kind: 'csv', title: 'CSV' },
  'vega-lite': { kind: 'chart', title: 'Vega-Lite' },
  mermaid: { kind: 'diagram', title: 'Mermaid' },
}
/** Shorter code stays in the answer only; the companion draws the line at the same length. */
const codeLines = 12

/** The block at the end of a text that is being streamed, if it is open and worth a pane. */
export function draftArtifact(text: string): DraftArtifact | null {
  const last = fences(text).at(-1)
  if (!last || last.closed || !isArtifact(last)) return null
  const known = kinds[last.language]
  return {
    kind: known?.kind ?? 'code',
    title: known?.title ?? last.language,
    language: last.language,
    content: last.lines.join('\n'),
  }
}

/** Which of a message's artifacts the fence of that index became; -1 where it became none. */
export function artifactIndexOfFence(text: string, fenceIndex: number): number {
  const all = fences(text)
  const fence = all[fenceIndex]
  if (!fence || !isArtifact(fence)) return -1
  return all.slice(0, fenceIndex).filter(isArtifact).length
}

function isArtifact(fence: Fence): boolean {
  const content = fence.lines.join('\n').trim()
  if (content === '') return false
  if (kinds[fence.language]) return true
  return /^<(!doctype html|html|svg)/i.test(content) || content.split('\n').length >= codeLines
}

function fences(text: string): Fence[] {
  const found: Fence[] = []
  let open: { fence: Fence; mark: string } | undefined
  for (const line of text.split('\n')) {
    if (open) {
      const trimmed = line.trim()
      if (trimmed.startsWith(open.mark) && trimmed.replaceAll(open.mark[0]!, '') === '') {
        open.fence.closed = true
        open = undefined
      } else open.fence.lines.push(line)
      continue
    }
    const start = /^ {0,3}(`{3,}|~{3,})[ \t]*([^\s`:]*)/.exec(line)
    if (!start) continue
    const fence = { language: (start[2] ?? '').toLowerCase(), lines: [], closed: false }
    found.push(fence)
    open = { fence, mark: start[1]! }
  }
  return found
}
