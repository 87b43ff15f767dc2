import { afterEach, describe, expect, it } from 'vitest'
import { AgentWorld, sortSkill } from './agent-harness.ts'
import type { AgentTask, ChangeBatch } from '#shared/domain/agent-task.ts'
import type { Approval } from '#shared/domain/approval.ts'
import type { ChangePlan } from '#shared/domain/file-change.ts'
import type { Message } from '#shared/domain/conversation.ts'

let world: AgentWorld
afterEach(() => world.close())

const intent = (folder: string) => ({
  kind: 'skill' as const,
  skill: 'sort-files',
  input: { folder },
  reason: 'chosen' as const,
  confidence: 1,
})

describe('a task with a skill', () => {
  it('changes nothing before it is approved, then what was approved, and takes it back', async () => {
    world = await new AgentWorld().start({ skills: [sortSkill] })
    for (const name of ['a.txt', 'b.txt', 'c.txt']) world.write(name)
    const { id, conversationId, messageId } = await world.task('Sort', intent(world.files))
    const asked = await world.until(id, 'approval-request')
    expect(asked).toMatchObject({ kind: 'changes', title: 'Sort', count: 3 })
    expect(await world.listing()).toEqual(['a.txt', 'b.txt', 'c.txt'])
    const open = await world.api<{ approvals: Approval[] }>('GET', '/approvals?state=open')
    expect(open.body.approvals.map((each) => each.id)).toEqual([asked.approvalId])
    const edits = [
      { changeId: 'change-b_txt', include: false },
      { changeId: 'change-c_txt', facts: { company: 'Renamed' } },
    ]
    const preview = await world.api<{ plan: ChangePlan }>('POST', `/approvals/${asked.approvalId}/preview`, { edits }) // prettier-ignore
    expect(preview.body.plan.changes).toHaveLength(3)
    expect(preview.body.plan.changes[2]).toMatchObject({
      to: expect.stringContaining('Renamed.txt') as string,
      facts: { company: { value: 'Renamed', confidence: 1 } },
    })
    const answer = { decision: 'approve', edits }
    expect((await world.answer(asked.approvalId, answer)).status).toBe(200)
    expect((await world.answer(asked.approvalId, answer)).body.approval.state).toBe('approved')
    expect((await world.answer(asked.approvalId, { decision: 'deny' })).status).toBe(409)
    expect(await world.until(id, 'run-ended')).toMatchObject({ outcome: 'done' })
    expect(await world.listing()).toEqual(['b.txt', 'sorted/Renamed.txt', 'sorted/a.txt'])
    const task = await world.api<{ task: AgentTask; batches: ChangeBatch[] }>('GET', `/tasks/${id}`)
    expect(task.body.task).toMatchObject({ state: 'ended', outcome: 'done', changedFiles: 2, openApprovals: 0 }) // prettier-ignore
    const read = await world.api<{ messages: Message[] }>('GET', `/conversations/${conversationId}`)
    const message = read.body.messages.find((each) => each.id === messageId)
    expect(message).toMatchObject({ text: 'Looking. Moved 2.', outcome: 'done', runId: id })
    expect(message?.artifacts).toMatchObject([{ title: 'Report', runId: id, version: 1 }])
    await world.api('POST', `/tasks/${id}/undo`, {})
    expect(await world.listing()).toEqual(['a.txt', 'b.txt', 'c.txt'])
    await world.api('POST', `/tasks/${id}/redo`, {})
    expect(await world.listing()).toEqual(['b.txt', 'sorted/Renamed.txt', 'sorted/a.txt'])
  })

  it('changes nothing when it is denied or cancelled, and withdraws what it asked', async () => {
    world = await new AgentWorld().start({ skills: [sortSkill] })
    world.write('a.txt')
    const denied = await world.task('Sort', intent(world.files))
    await world.answer((await world.until(denied.id, 'approval-request')).approvalId, { decision: 'deny' }) // prettier-ignore
    expect(await world.until(denied.id, 'run-ended')).toMatchObject({ outcome: 'done' })
    const left = await world.task('Sort', intent(world.files))
    const { approvalId } = await world.until(left.id, 'approval-request')
    await world.api('POST', `/runs/${left.id}/cancel`)
    expect(await world.until(left.id, 'run-ended')).toMatchObject({ outcome: 'cancelled' })
    expect((await world.approval(approvalId)).state).toBe('withdrawn')
    expect((await world.answer(approvalId, { decision: 'approve' })).status).toBe(409)
    expect(await world.listing()).toEqual(['a.txt'])
  })

  it('waits for its answer over a restart, says nothing twice, and goes on in the same log', async () => {
    world = await new AgentWorld().start({ skills: [sortSkill] })
    world.write('a.txt')
    const { id } = await world.task('Sort', intent(world.files))
    const { approvalId } = await world.until(id, 'approval-request')
    await world.restart()
    // A file that came meanwhile was not shown, so it is not moved.
    world.write('later.txt')
    expect((await world.approval(approvalId)).state).toBe('open')
    await world.answer(approvalId, { decision: 'approve' })
    expect(await world.until(id, 'run-ended')).toMatchObject({ outcome: 'done' })
    expect(await world.listing()).toEqual(['later.txt', 'sorted/a.txt'])
    const events = await world.events(id)
    expect(events.map(({ seq }) => seq)).toEqual(events.map((_, n) => n))
    const text = events.map(({ body }) => (body.type === 'text-delta' ? body.text : '')).join('')
    expect(text).toBe('Looking. Moved 1.')
    expect(events.filter(({ body }) => body.type === 'approval-request')).toHaveLength(1)
  })

  it('stops before its next step while it is paused, over a restart too', async () => {
    world = await new AgentWorld().start({ skills: [sortSkill] })
    world.write('a.txt')
    const { id } = await world.task('Sort', intent(world.files))
    const { approvalId } = await world.until(id, 'approval-request')
    expect((await world.api('POST', `/tasks/${id}/pause`)).body).toMatchObject({ task: { state: 'paused' } }) // prettier-ignore
    await world.restart()
    await world.until(id, 'task-state', 2)
    await world.answer(approvalId, { decision: 'approve' })
    expect(await world.listing()).toEqual(['a.txt'])
    await world.api('POST', `/tasks/${id}/resume`)
    await world.until(id, 'run-ended')
    expect(await world.listing()).toEqual(['sorted/a.txt'])
  })
})
