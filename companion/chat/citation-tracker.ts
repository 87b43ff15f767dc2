import type { Citation } from '#shared/domain/conversation.ts'
import type { SearchHit } from '#shared/domain/vault.ts'

/** Notices which of the given passages an answer cites, while it is being written. */
export class CitationTracker {
  readonly #passages: readonly SearchHit[]
  readonly #cited = new Set<number>()
  #line = ''
  #inFence = false

  constructor(passages: readonly SearchHit[]) {
    this.#passages = passages
  }

  /** The passages that `text` cites for the first time. Markers in fenced code do not count. */
  push(text: string): Citation[] {
    if (this.#passages.length === 0) return []
    const found: Citation[] = []
    const lines = (this.#line + text).split('\n')
    this.#line = lines.pop() ?? ''
    for (const line of lines) {
      if (/^\s*(`{3,}|~{3,})/.test(line)) this.#inFence = !this.#inFence
      else this.#scan(line, found)
    }
    this.#scan(this.#line, found)
    return found
  }

  /** A small model may answer from the passages without naming one: then the best one is the source. */
  end(): Citation[] {
    const best = this.#passages[0]
    return this.#cited.size > 0 || !best ? [] : [citationOf(best, 1)]
  }

  #scan(line: string, found: Citation[]): void {
    if (this.#inFence) return
    for (const match of line.matchAll(/[[［【]\s*(\d{1,2}(?:\s*[,，、]\s*\d{1,2})*)\s*[\]］】]/g)) {
      for (const digits of match[1]!.split(/[,，、]/)) {
        const marker = Number(digits)
        const hit = this.#passages[marker - 1]
        if (!hit || this.#cited.has(marker)) continue
        this.#cited.add(marker)
        found.push(citationOf(hit, marker))
      }
    }
  }
}

function citationOf(hit: SearchHit, marker: number): Citation {
  const { score: _score, denseRank: _dense, textRank: _text, ...source } = hit
  return { ...source, marker }
}
