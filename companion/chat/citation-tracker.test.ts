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
  it('reads the headings of the passages as markers too', () => {
    expect(cited('资料3中提到，', 'see Source 1.')).toEqual([3, 1])
  })
  it('falls back on the passage that shares most with the answer, then on the best found', () => {
    const texts = ['年假须提前两周申请', '叉车限速 8 公里/小时', 'the pump is inspected']
    const given = hits.map((hit, index) => ({ ...hit, text: texts[index]! }))
    const source = (answer: string, question: string) => new CitationTracker(given).end(answer, question).map(({ marker }) => marker) // prettier-ignore
    expect(source('限速是 8 公里。', '叉车的限速是多少？')).toEqual([2])
    expect(source('The pump is inspected.', 'Is the pump inspected?')).toEqual([1])
    expect(source('It is inspected weekly.', 'How often?')).toEqual([3])
    const speaking = new CitationTracker(hits)
    speaking.push('[2]')
    expect(speaking.end('x', 'x')).toEqual([])
    expect(new CitationTracker([]).end('x', 'x')).toEqual([])
  })
})
