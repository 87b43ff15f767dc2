import { citationOf } from '#shared/domain/citation-of.ts'
import type { Citation } from '#shared/domain/conversation.ts'
import type { SearchHit } from '#shared/domain/vault.ts'

/** `[2]`, `［1, 3］`, and `Source 2`, `资料2` as the passages are headed. */
const markerPattern =
  /[[［【]\s*(\d{1,2}(?:\s*[,，、]\s*\d{1,2})*)\s*[\]］】]|(?:资料|\bsource)\s*\[?(\d{1,2})/gi

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

  /**
   * A small model may answer from the passages without naming one: then the passage that shares most with
   * the answer, beyond the words of the question, is the source; the best found one where none does.
   */
  end(answer: string, question: string): Citation[] {
    if (this.#cited.size > 0 || this.#passages.length === 0) return []
    const asked = termsOf(question)
    const said = [...termsOf(answer)].filter((term) => !asked.has(term))
    let best = { index: 0, shared: 0 }
    for (const [index, { text }] of this.#passages.entries()) {
      const terms = termsOf(text)
      const shared = said.filter((term) => terms.has(term)).length
      if (shared > best.shared) best = { index, shared }
    }
    return [citationOf(this.#passages[best.index]!, best.index + 1)]
  }

  #scan(line: string, found: Citation[]): void {
    if (this.#inFence) return
    for (const match of line.matchAll(markerPattern)) {
      for (const digits of (match[1] ?? match[2])!.split(/[,，、]/)) {
        const marker = Number(digits)
        const hit = this.#passages[marker - 1]
        if (!hit || this.#cited.has(marker)) continue
        this.#cited.add(marker)
        found.push(citationOf(hit, marker))
      }
    }
  }
}

/** Words and numbers, and pairs of Han characters. */
function termsOf(text: string): Set<string> {
  const terms = new Set<string>()
  for (const [word] of text
    .normalize('NFKC')
    .toLowerCase()
    .matchAll(/\p{Script=Han}+|[\p{L}\p{N}]+/gu)) {
    if (!/\p{Script=Han}/u.test(word)) terms.add(word)
    else for (let at = 0; at + 1 < word.length; at++) terms.add(word.slice(at, at + 2))
  }
  return terms
}
