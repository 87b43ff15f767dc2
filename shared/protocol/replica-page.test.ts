import { describe, expect, it } from 'vitest'
import { decodeReplicaPage, encodeReplicaPage, quantize, type ReplicaPage } from './replica-page.ts'
import type { ReplicaHead } from './replica.ts'

const dimensions = 6
const head: ReplicaHead = {
  collectionId: 'collection-1',
  epoch: 'epoch-0001',
  modelId: 'e5',
  dimensions,
  restart: false,
  next: { since: 7, part: { change: 8, chunks: 2 } },
  change: 9,
  complete: false,
  documents: [
    {
      document: {
        id: 'document-1',
        collectionId: 'collection-1',
        path: '/合同/租赁.md',
        title: '租赁合同',
        mediaType: 'text/markdown',
        size: 10,
        modifiedAt: 1,
        chunks: 2,
      },
      change: 8,
      from: 0,
      state: 'more',
      chunks: [
        ['chunk-1', 0, 4, 0, ['租赁合同'], '押金两月'],
        ['chunk-2', 4, 9, 1, [], 'Rent 😀'],
      ],
    },
  ],
  removed: ['document-0'],
}
const page = (): ReplicaPage => ({
  head,
  vectors: quantize(
    [Float32Array.of(0.5, -0.25, 0, 0.1, 0.3, -0.5), Float32Array.of(0, 0, 0, 0, 0, 0)],
    dimensions,
  ),
})

describe('a page of the replica feed', () => {
  it('is read as it was written', () => {
    const { head: read, vectors } = decodeReplicaPage(encodeReplicaPage(page()))
    expect(read).toEqual(head)
    const value = (row: number, at: number): number =>
      vectors.values[row * dimensions + at]! * vectors.scales[row]!
    expect(value(0, 0)).toBeCloseTo(0.5, 6)
    expect(value(0, 1)).toBeCloseTo(-0.25, 2)
    expect(value(0, 5)).toBeCloseTo(-0.5, 6)
    expect([0, 1, 2, 3, 4, 5].map((at) => value(1, at))).toEqual([0, 0, 0, 0, 0, 0])
  })

  it('is read where it does not begin at the start of its buffer', () => {
    const bytes = encodeReplicaPage(page())
    const shifted = new Uint8Array(bytes.length + 3)
    shifted.set(bytes, 3)
    expect(decodeReplicaPage(shifted.subarray(3)).head).toEqual(head)
  })

  const broken: [string, (bytes: Uint8Array<ArrayBuffer>) => Uint8Array][] = [
    ['another version', (bytes) => bytes.fill(0x32, 3, 4)],
    ['cut short', (bytes) => bytes.subarray(0, -1)],
    ['too long', (bytes) => Uint8Array.from([...bytes, 0])],
    ['nothing', () => new Uint8Array(0)],
    ['a head longer than the page', (bytes) => bytes.fill(0xff, 4, 8)],
    ['a head that is no JSON', (bytes) => bytes.fill(0x7d, 8, 9)],
    ['a head that is no UTF-8', (bytes) => bytes.fill(0xff, 12, 13)],
  ]
  it.each(broken)('is refused: %s', (_name, damage) => {
    expect(() => decodeReplicaPage(damage(encodeReplicaPage(page())))).toThrow(
      expect.objectContaining({ code: 'bad_response' }),
    )
  })

  const wrong: [string, object][] = [
    ['a document of another collection', { collectionId: 'collection-2' }],
    ['more dimensions than vectors', { dimensions: 7 }],
    ['a scale that is no number', { scale: NaN }],
    ['a negative change', { change: -1 }],
    [
      'kept chunks that come nevertheless',
      { documents: [{ ...head.documents[0]!, state: 'kept' }] },
    ],
    ['an end before its start', { documents: [{ ...head.documents[0]!, chunks: [['c', 4, 3, 0, [], 'x'], ['d', 4, 5, 0, [], 'x']] }] }], // prettier-ignore
  ]
  it.each(wrong)('is refused: %s', (_name, change) => {
    const { vectors } = page()
    if ('scale' in change) vectors.scales[0] = NaN
    const bytes = encodeReplicaPage({ head: { ...head, ...change }, vectors })
    expect(() => decodeReplicaPage(bytes)).toThrow(
      expect.objectContaining({ code: 'bad_response' }),
    )
  })
})
