import { describe, expect, test } from 'vitest'
import * as v from 'valibot'
import { formatSyncthingId, parseSyncthingId, syncthingIdSchema } from './syncthing-id.ts'

// From Syncthing's documentation of device ids.
const known = 'P56IOI7-MZJNU2Y-IQGDREY-DM2MGTI-MGL3BXN-PQ6W5BM-TBBZ4TJ-XZWICQ2'

describe('Syncthing device ids', () => {
  test('a known one is read and written again', () => {
    const id = parseSyncthingId(known)!
    expect(id).toHaveLength(32)
    expect(formatSyncthingId(id)).toBe(known)
  })

  test('blanks, small letters and digits that look like letters do not matter', () => {
    const sloppy = known.toLowerCase().replaceAll('-', ' ').replaceAll('o', '0').replaceAll('i', '1').replaceAll('b', '8') // prettier-ignore
    expect(parseSyncthingId(`  ${sloppy}\n`)).toEqual(parseSyncthingId(known))
  })

  test('one wrong character in any place is noticed', () => {
    for (let at = 0; at < known.length; at++) {
      if (known[at] === '-') continue
      const other = known[at] === 'A' ? 'B' : 'A'
      const wrong = known.slice(0, at) + other + known.slice(at + 1)
      expect(parseSyncthingId(wrong), wrong).toBeUndefined()
    }
  })

  test('what is too short, too long or something else is refused', () => {
    for (const text of [
      '',
      known.slice(1),
      `${known}A`,
      known.replace('P', '9'),
      'x'.repeat(10_000),
    ])
      expect(parseSyncthingId(text)).toBeUndefined()
    expect(() => formatSyncthingId(new Uint8Array(31))).toThrow(RangeError)
  })

  test('many round trips', () => {
    for (let seed = 0; seed < 300; seed++) {
      const id = Uint8Array.from({ length: 32 }, (_, at) => (seed * 131 + at * at * 17) & 0xff)
      expect(parseSyncthingId(formatSyncthingId(id))).toEqual(id)
    }
  })

  test('the schema gives the one form', () => {
    expect(v.parse(syncthingIdSchema, known.toLowerCase())).toBe(known)
    expect(v.safeParse(syncthingIdSchema, 'nobody').success).toBe(false)
  })
})
