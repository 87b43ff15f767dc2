import * as v from 'valibot'
import type { Intent } from '#shared/domain/agent-task.ts'
import { changePlanSchema, type ChangePlan } from '#shared/domain/file-change.ts'
import type { Approval, ApprovalAnswer, ChangeEdit } from '#shared/domain/approval.ts'
import type { ChangeBatch, AgentTask } from '#shared/domain/agent-task.ts'
import {
  approvalResponseSchema,
  batchListSchema,
  batchResponseSchema,
  intentResponseSchema,
  taskListSchema,
  taskResponseSchema,
} from '#shared/protocol/agent.ts'
import { request, send } from '#web/client/api.ts'

const of = (kind: string, id: string) => `/api/${kind}/${encodeURIComponent(id)}`
const post = { method: 'POST' } as const

/** Where an instruction would go. Writes nothing. @throws SiloError */
export async function intentOf(
  text: string,
  collectionIds: readonly string[],
  signal: AbortSignal,
): Promise<Intent> {
  const body = { text: text.slice(0, 20_000), collectionIds: [...collectionIds] }
  const options = { ...post, body, signal, timeoutMs: 10_000 }
  return (await request('/api/intent', intentResponseSchema, options)).intent
}

export async function tasksOf(conversationId: string, signal: AbortSignal): Promise<AgentTask[]> {
  const query = `conversation=${encodeURIComponent(conversationId)}&limit=500`
  return (await request(`/api/tasks?${query}`, taskListSchema, { signal })).tasks
}

/** A task with what it asked and changed. @throws SiloError task_unknown */
export function readTask(id: string, signal: AbortSignal) {
  return request(of('tasks', id), taskResponseSchema, { signal })
}

export async function pauseTask(id: string): Promise<void> {
  await send(`${of('tasks', id)}/pause`, post)
}
export async function resumeTask(id: string): Promise<void> {
  await send(`${of('tasks', id)}/resume`, post)
}
/** Undoes, or makes again, all a task changed. @throws SiloError undo_impossible */
export async function turnTask(id: string, turn: 'undo' | 'redo'): Promise<void> {
  await send(`${of('tasks', id)}/${turn}`, { ...post, body: {}, timeoutMs: 300_000 })
}

/** Undoes, or makes again, a batch or some of its changes. @throws SiloError batch_unknown, undo_impossible */
export async function turnBatch(
  id: string,
  turn: 'undo' | 'redo',
  changeIds?: readonly string[],
): Promise<ChangeBatch> {
  const body = changeIds ? { changeIds: [...changeIds] } : {}
  const options = { ...post, body, timeoutMs: 300_000 }
  return (await request(`${of('batches', id)}/${turn}`, batchResponseSchema, options)).batch
}

/** The journal, newest first. */
export async function readJournal(limit: number, signal: AbortSignal): Promise<ChangeBatch[]> {
  return (await request(`/api/batches?limit=${limit}`, batchListSchema, { signal })).batches
}

export async function readApproval(id: string, signal: AbortSignal): Promise<Approval> {
  const options = { signal, timeoutMs: 60_000 }
  return (await request(of('approvals', id), approvalResponseSchema, options)).approval
}

/** @throws SiloError approval_answered where somebody else was faster, approval_unknown */
export async function answerApproval(id: string, answer: ApprovalAnswer): Promise<Approval> {
  const options = { ...post, body: answer, timeoutMs: 60_000 }
  return (await request(`${of('approvals', id)}/answer`, approvalResponseSchema, options)).approval
}

/** The rows as they would be with these edits: names built anew from corrected facts. */
export async function previewChanges(
  id: string,
  edits: readonly ChangeEdit[],
  signal: AbortSignal,
): Promise<ChangePlan> {
  const schema = v.object({ plan: changePlanSchema })
  const options = { ...post, body: { edits: [...edits] }, signal, timeoutMs: 60_000 }
  return (await request(`${of('approvals', id)}/preview`, schema, options)).plan
}

/** A picture of the first page of what a change is about; undefined where there is none. @throws SiloError */
export async function pagePicture(
  approvalId: string,
  changeId: string,
  signal: AbortSignal,
): Promise<Blob> {
  const path = `${of('approvals', approvalId)}/changes/${encodeURIComponent(changeId)}/picture`
  const response = await send(path, { signal, timeoutMs: 60_000 })
  return new Blob([await response.arrayBuffer()], { type: 'image/png' })
}
