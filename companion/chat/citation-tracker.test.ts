import { describe, expect, it } from 'vitest'
import type { SearchHit } from '#shared/domain/vault.ts'
import { CitationTracker } from './citation-tracker.ts'

const hits = [1, 2, 3].map((n): SearchHit => {
  const place = { documentId: 'd', collectionId: 'c', chunkId: `${n}`, title: 't', path: '' }
  return { ...place, headings: [], start: 0, end: 1, text: 'x', score: 1 }
})
const cited = (...pieces: string[]): number[] => {
  const tracker = new CitationTracker(hits)
  return pieces.flatMap((piece) => tracker.push(piece)).map((citation) => citation.marker)
}

describe('citation tracker', () => {
  it('sees markers over the seams of pieces, once each, in the order of the answer', () => {
    expect(cited('so [2', '] and [1]', ' and [2] again')).toEqual([2, 1])
  })
  it('reads lists and full-width brackets, and ignores numbers of no passage', () => {
    expect(cited('见［3］【1】 [1, 2] [9] [0]')).toEqual([3, 1, 2])
  })
  it('ignores code', () => {
    expect(cited('```js\n', 'a[1]\n', '```\n', 'so [3]')).toEqual([3])
  })
  it('falls back on the best passage', () => {
    const silent = new CitationTracker(hits)
    silent.push('no marker')
    expect(silent.end()).toMatchObject([{ marker: 1, chunkId: '1' }])
    const speaking = new CitationTracker(hits)
    speaking.push('[2]')
    expect(speaking.end()).toEqual([])
    expect(new CitationTracker([]).end()).toEqual([])
  })
})
