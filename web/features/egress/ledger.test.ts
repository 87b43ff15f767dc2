import { describe, expect, it } from 'vitest'
import type { EgressEntry } from '#shared/protocol/egress.ts'
import { ofToday } from './ledger.svelte.ts'

const now = new Date(2026, 10, 3, 15).getTime()
const entry = (over: Partial<EgressEntry>): EgressEntry => ({
  id: 1,
  at: now,
  kind: 'fetch',
  host: 'a.example',
  place: 'outside',
  refused: false,
  connections: 2,
  sent: 10,
  received: 20,
  purpose: 'web_fetch',
  ...over,
})

describe('what left today', () => {
  it('counts from midnight, without what was refused and what stayed in the house', () => {
    const entries = [
      entry({}),
      entry({ connections: 0 }),
      entry({ at: new Date(2026, 10, 2, 23, 59).getTime() }),
      entry({ refused: true }),
      entry({ place: 'house' }),
    ]
    expect(ofToday(entries, now)).toEqual({ connections: 3, sent: 20, received: 40 })
  })
})
