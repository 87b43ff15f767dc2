import * as v from 'valibot'
import { capabilitySchema, grantScopeSchema } from './capability.ts'
import { changePlanSchema } from './file-change.ts'
import { idSchema } from './ids.ts'

/** What a person is asked. `tainted`: only text read from a document or the web asked for it. */
export const approvalBodySchema = v.variant('kind', [
  /** Changes of the file system: each row may be edited or left out. */
  v.object({ kind: v.literal('changes'), plan: changePlanSchema }),
  /** Leave to use something: a folder, a tool of an MCP server. */
  v.object({
    kind: v.literal('grant'),
    capability: capabilitySchema,
    resource: v.string(),
    why: v.string(),
    tainted: v.boolean(),
  }),
  v.object({
    kind: v.literal('command'),
    argv: v.array(v.string()),
    cwd: v.string(),
    /** What it can see, and whether it may write there. */
    folders: v.array(v.object({ path: v.string(), write: v.boolean() })),
    why: v.string(),
    tainted: v.boolean(),
  }),
  v.object({
    kind: v.literal('python'),
    code: v.string(),
    /** Copies that it gets. */
    files: v.array(v.string()),
    why: v.string(),
    tainted: v.boolean(),
  }),
  /** Something leaves this house: a question to a search service, a page that is fetched. */
  v.object({
    kind: v.literal('send'),
    host: v.string(),
    /** All that is sent, as a person reads it: the address, or the words searched for. */
    content: v.string(),
    why: v.string(),
    tainted: v.boolean(),
  }),
  v.object({
    kind: v.literal('question'),
    text: v.string(),
    options: v.optional(v.array(v.string())),
  }),
])
export type ApprovalBody = v.InferOutput<typeof approvalBodySchema>

/** Rows of a plan as the person wants them. A row that is not named stays as it was proposed. */
export const changeEditSchema = v.object({
  changeId: idSchema,
  /** False: left out. */
  include: v.optional(v.boolean()),
  /** Another absolute target path for `move` and `create`. */
  to: v.optional(v.pipe(v.string(), v.maxLength(4096))),
  /** Corrected facts; the skill builds the target path from them anew where `to` is absent. */
  facts: v.optional(v.record(v.string(), v.pipe(v.string(), v.maxLength(200)))),
})
export type ChangeEdit = v.InferOutput<typeof changeEditSchema>

export const approvalAnswerSchema = v.object({
  decision: v.picklist(['approve', 'deny']),
  /** For `changes`. */
  edits: v.optional(v.pipe(v.array(changeEditSchema), v.maxLength(10_000))),
  /** For `grant`, `command`, `python`, `send`; absent: once. */
  scope: v.optional(grantScopeSchema),
  /** For `question`, and why something is denied. */
  text: v.optional(v.pipe(v.string(), v.maxLength(2000))),
})
export type ApprovalAnswer = v.InferOutput<typeof approvalAnswerSchema>

export const approvalSchema = v.object({
  id: idSchema,
  runId: idSchema,
  /** The task that asks: its run's id. */
  taskId: idSchema,
  conversationId: v.optional(idSchema),
  createdAt: v.number(),
  /** `withdrawn`: the task ended before it was answered. */
  state: v.picklist(['open', 'approved', 'denied', 'withdrawn']),
  body: approvalBodySchema,
  answer: v.optional(approvalAnswerSchema),
  answeredAt: v.optional(v.number()),
  /** `self` or a device id. */
  answeredBy: v.optional(v.string()),
})
export type Approval = v.InferOutput<typeof approvalSchema>
