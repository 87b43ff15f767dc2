const runs = /[\u3400-\u9fff\uf900-\ufaff]+|[\p{L}\p{N}]+/gu
const han = /[\u3400-\u9fff\uf900-\ufaff]/u

/**
 * The words full text search knows: Latin and other words in lower case, joined names also in parts
 * (`parseInvoice`, `INV-2026`), Chinese as pairs of characters. A query holds single characters only where
 * they stand alone; a document holds all of them.
 */
export function termsOf(text: string, side: 'document' | 'query'): string[] {
  const terms: string[] = []
  for (const [run] of text.normalize('NFKC').matchAll(runs)) {
    for (const part of run.split(/([\u3400-\u9fff\uf900-\ufaff]+)/u)) {
      if (!part) continue
      if (han.test(part)) addHan(part, side, terms)
      else addWord(part, terms)
    }
  }
  return side === 'query' ? [...new Set(terms)] : terms
}

function addHan(run: string, side: 'document' | 'query', terms: string[]): void {
  const characters = [...run]
  for (let at = 0; at + 1 < characters.length; at++)
    terms.push(characters[at]! + characters[at + 1]!)
  if (side === 'document' || characters.length === 1) terms.push(...characters)
}

function addWord(word: string, terms: string[]): void {
  const lower = word.toLowerCase().slice(0, 40)
  terms.push(lower)
  const parts = word.match(/\p{Lu}+(?!\p{Ll})|\p{Lu}?\p{Ll}+|\p{N}+/gu) ?? []
  if (parts.length > 1) for (const part of parts) terms.push(part.toLowerCase().slice(0, 40))
}
