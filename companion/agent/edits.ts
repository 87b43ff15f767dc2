import { isAbsolute, normalize } from 'node:path'
import type { ChangeEdit } from '#shared/domain/approval.ts'
import type { ChangePlan, FileChange } from '#shared/domain/file-change.ts'
import { SiloError } from '#shared/errors/silo-error.ts'

export type Rebuild = (change: FileChange, edit: ChangeEdit) => FileChange

/**
 * The plan as the person wants it: rows left out, targets and facts corrected. `rebuild` makes the target anew from
 * corrected facts. @throws SiloError bad_request for rows that are not there and targets that cannot be
 */
export function editedPlan(
  plan: ChangePlan,
  edits: readonly ChangeEdit[],
  rebuild?: Rebuild,
): ChangePlan {
  const wanted = new Map(edits.map((edit) => [edit.changeId, edit]))
  for (const { changeId } of edits)
    if (!plan.changes.some(({ id }) => id === changeId))
      throw new SiloError('bad_request', { params: { detail: changeId }, field: 'edits' })
  const changes = plan.changes.flatMap((change) => {
    const edit = wanted.get(change.id)
    if (!edit) return [change]
    if (edit.include === false) return []
    return [edited(change, edit, rebuild)]
  })
  return { ...plan, changes }
}

function edited(change: FileChange, edit: ChangeEdit, rebuild?: Rebuild): FileChange {
  let next = change
  if (edit.facts) {
    const facts = { ...change.facts }
    // What a person typed is certain.
    for (const [name, value] of Object.entries(edit.facts)) facts[name] = { value, confidence: 1 }
    next = { ...change, facts }
    if (edit.to === undefined && rebuild) {
      const built = rebuild(next, edit)
      if (built.id !== change.id || built.type !== change.type)
        throw new Error('a rebuilt change must stay the same change')
      next = built
    }
  }
  if (edit.to === undefined) return next
  if (
    !isAbsolute(edit.to) ||
    edit.to.includes('\0') ||
    (next.type !== 'move' && next.type !== 'create')
  )
    // prettier-ignore
    throw new SiloError('bad_request', { params: { detail: 'to' }, field: 'edits' })
  const to = normalize(edit.to)
  return next.type === 'move' ? { ...next, to } : { ...next, path: to }
}
