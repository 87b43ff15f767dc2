import { describe, expect, it } from 'vitest'
import { accessLevels, type Access, type AccessLevel, type Grant } from '#shared/domain/sharing.ts'
import { exceeds } from './sharing.ts'

const grant = (id: string, level: AccessLevel, copy = false): Grant => ({
  subject: { kind: 'device', id },
  level,
  copy,
})

/** Who may add a grant of that level; written out by hand. */
const mayGive: Record<AccessLevel, readonly AccessLevel[]> = {
  read: ['read'],
  write: ['read', 'write'],
  share: ['read', 'write', 'share'],
  admin: ['read', 'write', 'share', 'admin'],
}

describe('what a change of grants may be', () => {
  it('gives up to the own level, and a copy only with one', () => {
    for (const mine of accessLevels)
      for (const level of accessLevels)
        for (const [own, given] of [
          [true, true],
          [true, false],
          [false, true],
          [false, false],
        ] as const) {
          // prettier-ignore
          const access: Access = { level: mine, copy: own }
          const allowed = mayGive[mine].includes(level) && (own || !given)
          expect(exceeds([], [grant('b', level, given)], access), `${mine} ${own} gives ${level} ${given}`).toBe(!allowed) // prettier-ignore
        }
  })

  it('takes away and lowers for administrators only', () => {
    const before = [grant('a', 'write', true), grant('b', 'read')]
    const share: Access = { level: 'share', copy: true }
    const admin: Access = { level: 'admin', copy: false }
    for (const after of [
      [grant('a', 'write', true)],
      [grant('a', 'read', true), grant('b', 'read')],
      [grant('a', 'write', false), grant('b', 'read')],
      [],
    ]) {
      expect(exceeds(before, after, share)).toBe(true)
      expect(exceeds(before, after, admin)).toBe(false)
    }
    expect(exceeds(before, before, share)).toBe(false)
    expect(exceeds(before, [...before].reverse(), share)).toBe(false)
    expect(exceeds(before, [grant('a', 'share', true), grant('b', 'write')], share)).toBe(false)
  })

  it('leaves what others were given above the own level as it is', () => {
    const before = [grant('boss', 'admin', true)]
    const share: Access = { level: 'share', copy: false }
    expect(exceeds(before, [...before, grant('b', 'share')], share)).toBe(false)
    expect(exceeds(before, [grant('boss', 'share', true)], share)).toBe(true)
  })
})
