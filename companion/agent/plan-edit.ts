import { dirname, isAbsolute, join, normalize } from 'node:path'
import type { ChangeEdit } from '#shared/domain/approval.ts'
import type { ChangePlan, FileChange } from '#shared/domain/file-change.ts'
import { SiloError } from '#shared/errors/silo-error.ts'
import type { Rebuild } from './ports.ts'

/**
 * The plan as the person wants it: rows left out, facts corrected, other targets.
 * @throws SiloError bad_request for a target that is no absolute path
 */
export function editedPlan(
  plan: ChangePlan,
  edits: readonly ChangeEdit[],
  rebuild?: Rebuild,
): ChangePlan {
  // prettier-ignore
  const byId = new Map(edits.map((edit) => [edit.changeId, edit]))
  for (const { changeId } of edits)
    if (!plan.changes.some(({ id }) => id === changeId))
      throw new SiloError('bad_request', { params: { detail: 'edits' }, field: 'edits' })
  const changes = plan.changes.flatMap((change): FileChange[] => {
    const edit = byId.get(change.id)
    if (!edit) return [change]
    if (edit.include === false) return []
    return [edited(change, edit, rebuild)]
  })
  return { ...plan, changes }
}

function edited(change: FileChange, edit: ChangeEdit, rebuild?: Rebuild): FileChange {
  let result = change
  if (edit.facts) {
    const facts = { ...change.facts }
    // What a person wrote is certain.
    for (const [name, value] of Object.entries(edit.facts)) facts[name] = { value, confidence: 1 }
    result = { ...change, facts }
    if (rebuild && edit.to === undefined) result = rebuild(result, { facts: edit.facts })
  }
  if (edit.to === undefined) return result
  const target = result.type === 'move' ? result.to : result.type === 'create' ? result.path : undefined // prettier-ignore
  if (target === undefined) return result
  // A bare name stays in the folder that was proposed.
  const wanted = isAbsolute(edit.to) ? normalize(edit.to) : join(dirname(target), edit.to)
  if (!isAbsolute(wanted) || wanted.includes('\0'))
    throw new SiloError('bad_request', { params: { detail: 'edits.to' }, field: 'edits' })
  return result.type === 'move' ? { ...result, to: wanted } : { ...result, path: wanted } as FileChange // prettier-ignore
}
