import type { PassageAnswer } from '#shared/contracts/passage-source.ts'
import type { SearchHit } from '#shared/domain/vault.ts'
import { fuse } from '#shared/vault/fusion.ts'
import { tellingTerms } from '#shared/vault/fit.ts'
import { coverageWeight, textWeight } from '#shared/vault/ranking.ts'
import { termsOf } from '#shared/vault/terms.ts'

/** Share of words in common from which a passage says what a better one has said. */
const sameShare = 0.9

/**
 * One list from the answers of several sources: all that was found is ranked by meaning and by words as if it lay in
 * one place, which it can be because all vectors are of one model; answers that say nothing of that are taken in their
 * order. A third list, by how much of the question a passage holds, settles what the two leave open.
 */
export function mergeAnswers(answers: readonly PassageAnswer[], question: string): SearchHit[] {
  // What a source holds to be no answer comes after what another holds to be one.
  const some = answers.some(({ found }) => found)
  const counted = some ? answers.filter(({ found }) => found) : answers
  const rest = some ? answers.filter(({ found }) => !found) : []
  return [counted, rest].flatMap((group) => rank(group.map(({ hits }) => hits), question)) // prettier-ignore
}

function rank(lists: readonly (readonly SearchHit[])[], question: string): SearchHit[] {
  const all = new Map(lists.flat().map((hit) => [keyOf(hit), hit]))
  const hits = [...all.values()]
  const known = hits.filter(({ similarity, textScore }) => similarity !== undefined || textScore !== undefined) // prettier-ignore
  const dense = by(known, ({ similarity }) => similarity)
  const text = by(known, ({ textScore }) => textScore)
  const unknown = lists.map((list) => list.filter((hit) => !known.includes(all.get(keyOf(hit))!)))
  const weights = [1, textWeight, coverageWeight, ...unknown.map(() => 1 + textWeight)]
  return fuse([dense, text, byCoverage(hits, question), ...unknown], keyOf, weights).map(
    ({ item, score }) => ({ ...item, score }),
  )
}

/** By the share of the question's words that a passage holds, the rarer the weightier; those with none are left out. */
function byCoverage(hits: readonly SearchHit[], question: string): SearchHit[] {
  const terms = tellingTerms(question)
  const held = hits.map(({ title, headings, text }) => new Set(termsOf([title, ...headings, text].join('\n'), 'document'))) // prettier-ignore
  const weights = terms.map((term) => Math.log(1 + hits.length / (1 + held.filter((set) => set.has(term)).length))) // prettier-ignore
  const score = held.map((set) => terms.reduce((sum, term, at) => sum + (set.has(term) ? weights[at]! : 0), 0)) // prettier-ignore
  const scored = new Map(hits.map((hit, at) => [hit, score[at]!]))
  return by(hits, (hit) => scored.get(hit) || undefined)
}

function by(hits: readonly SearchHit[], of: (hit: SearchHit) => number | undefined): SearchHit[] {
  return hits.filter((hit) => of(hit) !== undefined).sort((a, b) => of(b)! - of(a)!)
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
