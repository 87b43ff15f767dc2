import { describe, expect, it } from 'vitest'
import type { ChangePlan } from '#shared/domain/file-change.ts'
import { editedPlan } from './edits.ts'

const stamp = { size: 1, modifiedAt: 1 }
const plan: ChangePlan = {
  title: 'Plan',
  changes: [
    { type: 'move', id: 'change-1', from: '/a/1', to: '/b/1', stamp },
    { type: 'trash', id: 'change-2', path: '/a/2', stamp },
  ],
}

describe('edits of a plan', () => {
  it('leave rows out and give others another target, normalised', () => {
    const edited = editedPlan(plan, [
      { changeId: 'change-1', to: '/b/x/../2' },
      { changeId: 'change-2', include: false },
    ])
    expect(edited.changes).toEqual([{ ...plan.changes[0], to: '/b/2' }])
  })

  it.each([
    [{ changeId: 'change-9' }],
    [{ changeId: 'change-1', to: 'relative' }],
    [{ changeId: 'change-1', to: '/b/\0' }],
    [{ changeId: 'change-2', to: '/b/2' }],
  ])('are refused where they do not fit: %j', (edit) => {
    expect(() => editedPlan(plan, [edit])).toThrow(expect.objectContaining({ code: 'bad_request' }))
  })

  it('do not let a rebuilt row become another change', () => {
    const edit = { changeId: 'change-1', facts: { company: 'x' } }
    expect(() => editedPlan(plan, [edit], (change) => ({ ...change, id: 'change-3' }))).toThrow('same change') // prettier-ignore
  })
})
