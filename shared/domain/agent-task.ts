import * as v from 'valibot'
import { outcomeSchema } from './conversation.ts'
import { changeResultSchema, fileChangeSchema } from './file-change.ts'
import { idSchema } from './ids.ts'

/** Where an instruction goes. */
export const intentKindSchema = v.picklist(['chat', 'vault', 'skill', 'agent'])
export type IntentKind = v.InferOutput<typeof intentKindSchema>

/** Why it goes there, as a code that the UI translates. */
export const intentReasonSchema = v.picklist([
  'chosen',
  'only-talk',
  'asks-documents',
  'skill-matches',
  'needs-tools',
  'unsure',
])

export const intentSchema = v.object({
  kind: intentKindSchema,
  /** For `skill`. */
  skill: v.optional(v.string()),
  /** For `skill`: its input as far as the instruction gives it. */
  input: v.optional(v.record(v.string(), v.unknown())),
  reason: intentReasonSchema,
  /** 0 to 1. */
  confidence: v.number(),
})
export type Intent = v.InferOutput<typeof intentSchema>

/** One line of the plan that a task shows. */
export const planStepSchema = v.object({
  id: v.string(),
  /** Text in the task's language. */
  title: v.string(),
  state: v.picklist(['waiting', 'running', 'done', 'failed', 'skipped']),
  /** What came of it, in a few words: `17 files`. */
  note: v.optional(v.string()),
})
export type PlanStep = v.InferOutput<typeof planStepSchema>

export const taskStateSchema = v.picklist(['running', 'waiting', 'paused', 'ended'])
export type TaskState = v.InferOutput<typeof taskStateSchema>

/** A batch of changes that was approved and made together; what can be undone at once. */
export const changeBatchSchema = v.object({
  id: idSchema,
  taskId: idSchema,
  approvalId: v.optional(idSchema),
  title: v.string(),
  madeAt: v.number(),
  changes: v.array(fileChangeSchema),
  results: v.array(changeResultSchema),
  /** `making` and `undoing`: a crash came in between; it is put right at the next start. */
  state: v.picklist(['making', 'made', 'undoing', 'undone']),
})
export type ChangeBatch = v.InferOutput<typeof changeBatchSchema>

/** What the agent was asked to do once; its id is its run's. */
export const agentTaskSchema = v.object({
  id: idSchema,
  conversationId: v.optional(idSchema),
  scheduleId: v.optional(idSchema),
  /** The instruction. */
  goal: v.string(),
  intent: intentSchema,
  state: taskStateSchema,
  startedAt: v.number(),
  endedAt: v.optional(v.number()),
  outcome: v.optional(outcomeSchema),
  openApprovals: v.number(),
  /** Files changed and not undone. */
  changedFiles: v.number(),
})
export type AgentTask = v.InferOutput<typeof agentTaskSchema>
