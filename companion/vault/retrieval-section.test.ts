import { describe, expect, it } from 'vitest'
import type { StoredChunk } from '#shared/contracts/vault-store.ts'
import type { SearchHit } from '#shared/domain/vault.ts'
import { createFakeVaultStore } from '#tests/fakes/vault-store.ts'
import { withSections } from './retrieval-section.ts'

const signal = AbortSignal.timeout(10_000)
const store = createFakeVaultStore('device-a')
const chunk = (ordinal: number, headings: string[], page = 0): StoredChunk => ({ id: `doc-${ordinal}`, documentId: 'doc', ordinal, text: `passage number ${ordinal}`, headings, start: ordinal * 20, end: ordinal * 20 + 16, page, vector: new Float32Array(4) }) // prettier-ignore
const rules = ['Rules', 'Leave']
await store.receive('one', 'device-a', [chunk(0, ['Rules']), chunk(1, rules), chunk(2, rules), chunk(3, rules), chunk(4, ['Rules', 'Pay'])]) // prettier-ignore
const hitOf = (ordinal: number, headings = rules): SearchHit => ({ documentId: 'doc', collectionId: 'one', chunkId: `doc-${ordinal}`, title: 'Rules', path: '/rules.md', headings, start: ordinal * 20, end: ordinal * 20 + 16, text: `passage number ${ordinal}`, ordinal, owner: 'device-a', score: 1 }) // prettier-ignore

describe('withSections', () => {
  it('gives a passage its section, and keeps where the passage stands', async () => {
    const [hit] = await withSections([hitOf(2)], 1000, store, signal)
    expect(hit?.section).toBe('passage number 1\npassage number 2\npassage number 3')
    expect(hit).toMatchObject({ text: 'passage number 2', start: 40, end: 56 })
  })

  it('says nothing twice, and nothing from another section', async () => {
    const hits = await withSections([hitOf(1), hitOf(2), hitOf(4, ['Rules', 'Pay'])], 1000, store, signal) // prettier-ignore
    expect(hits.map(({ section }) => section)).toEqual([
      undefined,
      'passage number 2\npassage number 3',
      undefined,
    ])
  })

  it('stays within the tokens given', async () => {
    const [none] = await withSections([hitOf(2)], 5, store, signal)
    expect(none?.section).toBeUndefined()
    const [some] = await withSections([hitOf(1)], 14, store, signal)
    expect(some?.section).toBe('passage number 1\npassage number 2')
  })

  it('leaves alone what is not held here', async () => {
    const { owner: _owner, ...far } = hitOf(2)
    expect(await withSections([far], 1000, store, signal)).toEqual([far])
    expect(await withSections([{ ...hitOf(2), owner: 'peer-b' }], 1000, store, signal)).toEqual([{ ...hitOf(2), owner: 'peer-b' }]) // prettier-ignore
  })
})
