import type { ArtifactKind } from '#shared/domain/artifact.ts'
import { artifactKey, artifactKind, artifactTitle } from './artifact-kind.ts'

/** Something in an answer that deserves its own pane. */
export interface ExtractedArtifact {
  readonly kind: ArtifactKind
  /** '' where it names itself nowhere. */
  readonly title: string
  readonly key: string
  readonly language: string
  readonly content: string
  /** False when the answer ended inside it. */
  readonly complete: boolean
}

interface Block {
  /** The fence that opened it; undefined for a bare HTML document. */
  readonly fence?: { readonly char: string; readonly length: number; readonly indent: number }
  readonly info: string
  readonly lines: string[]
  /** Fences opened inside a Markdown block. */
  depth: number
}

const openPattern = /^( {0,12})(`{3,}|~{3,})[ \t]*([^`]*)$/
const htmlStart = /^\s*<(!doctype\s+html|html[\s>])/i
const htmlEnd = /<\/html\s*>/i

/**
 * Finds artifacts in a streamed answer: fenced blocks as they close, and full HTML documents without a
 * fence. Pure: text goes in by `push`, in pieces of any size, and artifacts come out in order.
 */
export class ArtifactExtractor {
  #rest = ''
  #block: Block | undefined

  push(text: string): ExtractedArtifact[] {
    const found: ExtractedArtifact[] = []
    this.#rest += text
    for (;;) {
      const end = this.#rest.indexOf('\n')
      if (end < 0) return found
      const line = this.#rest.slice(0, end).replace(/\r$/, '')
      this.#rest = this.#rest.slice(end + 1)
      this.#line(line, found)
    }
  }

  /** The answer is over: what is still open comes out with `complete: false`. */
  end(): ExtractedArtifact[] {
    const found: ExtractedArtifact[] = []
    if (this.#rest !== '') this.#line(this.#rest, found)
    this.#rest = ''
    if (this.#block) this.#close(this.#block, false, found)
    return found
  }

  #line(line: string, found: ExtractedArtifact[]): void {
    const block = this.#block
    if (!block) {
      this.#open(line, found)
      return
    }
    if (!block.fence) {
      block.lines.push(line)
      if (htmlEnd.test(line)) this.#close(block, true, found)
      return
    }
    const { char, length, indent } = block.fence
    const trimmed = line.trim()
    const isFence = trimmed.length >= length && trimmed.replaceAll(char, '') === ''
    if (isFence && block.depth === 0) {
      this.#close(block, true, found)
      return
    }
    // Models nest same-length fences in a Markdown block; an inner one has a language when it opens.
    if (isFence) block.depth--
    else if (/^(markdown|md)\b/i.test(block.info) && opensWithin(line, block.fence)) block.depth++
    block.lines.push(line.slice(0, indent).trim() === '' ? line.slice(indent) : line)
  }

  #open(line: string, found: ExtractedArtifact[]): void {
    const fence = openPattern.exec(line)
    if (fence) {
      const [, indent = '', marks = '', info = ''] = fence
      this.#block = {
        fence: { char: marks[0]!, length: marks.length, indent: indent.length },
        info: info.trim(),
        lines: [],
        depth: 0,
      }
    } else if (htmlStart.test(line)) {
      this.#block = { info: 'html', lines: [line], depth: 0 }
      if (htmlEnd.test(line)) this.#close(this.#block, true, found)
    }
  }

  #close(block: Block, complete: boolean, found: ExtractedArtifact[]): void {
    this.#block = undefined
    const language = /^[\w+#.-]*/.exec(block.info)![0].toLowerCase()
    const content = `${block.lines.join('\n')}\n`
    const kind = artifactKind(language, content)
    if (!kind) return
    const title = artifactTitle(kind, block.info.slice(language.length), content)
    found.push({ kind, title, key: artifactKey(kind, title), language, content, complete })
  }
}

/** Whether `line` opens a fence with a language that only a mark as long as the outer one can close. */
function opensWithin(line: string, outer: NonNullable<Block['fence']>): boolean {
  const [, , marks = '', info = ''] = openPattern.exec(line) ?? []
  return marks[0] === outer.char && marks.length >= outer.length && info.trim() !== ''
}
