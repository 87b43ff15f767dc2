import type { PassageAnswer } from '#shared/contracts/passage-source.ts'
import type { SearchHit } from '#shared/domain/vault.ts'
import { fuse } from './fusion.ts'
import { rankPassages } from './rank.ts'
import { termsOf } from './terms.ts'

/** Share of words in common from which a passage says what a better one has said. */
const sameShare = 0.9

/**
 * One list from the answers of several sources: all that was found is ranked as if it lay in one place, which it can
 * be because all vectors are of one model; an answer that does not say how near its passages are is taken in its order
 * and merged by reciprocal rank.
 */
export function mergeAnswers(answers: readonly PassageAnswer[], question: string): SearchHit[] {
  // What a source holds to be no answer comes after what another holds to be one.
  const some = answers.some(({ found }) => found)
  const counted = some ? answers.filter(({ found }) => found) : answers
  const rest = some ? answers.filter(({ found }) => !found) : []
  return [...rank(counted, question), ...rank(rest, question)]
}

function rank(answers: readonly PassageAnswer[], question: string): SearchHit[] {
  const measured = answers.filter(({ hits }) => hits.some(({ similarity }) => similarity !== undefined)) // prettier-ignore
  const others = answers.filter((answer) => !measured.includes(answer)).map(({ hits }) => hits)
  // The same passage may come from its owner and from a copy.
  const hits = [...new Map(measured.flatMap((answer) => answer.hits).map((hit) => [keyOf(hit), hit])).values()] // prettier-ignore
  const ranked = rankPassages(question, hits).map(({ hit, score }) => ({ ...hit, score }))
  if (others.length === 0) return ranked
  return fuse([ranked, ...others], keyOf).map(({ item, score }) => ({ ...item, score }))
}

/** Without passages that repeat a better one: the same page kept twice, a copy on another device. */
export function withoutRepeats(hits: readonly SearchHit[], limit: number): SearchHit[] {
  const kept: { hit: SearchHit; terms: Set<string> }[] = []
  for (const hit of hits) {
    if (kept.length >= limit) break
    const terms = new Set(termsOf(hit.text, 'document'))
    if (!kept.some((other) => isSame(other, { hit, terms }))) kept.push({ hit, terms })
  }
  return kept.map(({ hit }) => hit)
}

function isSame(
  a: { hit: SearchHit; terms: Set<string> },
  b: { hit: SearchHit; terms: Set<string> },
): boolean {
  if (a.hit.text === b.hit.text) return true
  // Two passages of one document differ where it says so, e.g. rows of a table; and a number is a difference.
  if (a.hit.documentId === b.hit.documentId) return false
  if (numbersOf(a.hit.text) !== numbersOf(b.hit.text)) return false
  const smaller = a.terms.size < b.terms.size ? a.terms : b.terms
  const larger = smaller === a.terms ? b.terms : a.terms
  let common = 0
  for (const term of smaller) if (larger.has(term)) common++
  return larger.size > 0 && common / larger.size >= sameShare
}

function numbersOf(text: string): string {
  return (text.match(/\d+/g) ?? []).join(' ')
}

export function keyOf(hit: SearchHit): string {
  return `${hit.collectionId}/${hit.owner ?? ''}/${hit.chunkId}`
}
