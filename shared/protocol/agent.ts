import * as v from 'valibot'
import { agentTaskSchema, changeBatchSchema, intentSchema } from '#shared/domain/agent-task.ts'
import { approvalSchema } from '#shared/domain/approval.ts'
import { capabilitySchema, grantSchema, switchStateSchema } from '#shared/domain/capability.ts'
import { idSchema } from '#shared/domain/ids.ts'

/** The agent's part of the API. All of it is for owners: at the companion, or from a device paired as owner. */

const path = v.pipe(v.string(), v.minLength(1), v.maxLength(4096))
const text = (most: number) => v.pipe(v.string(), v.maxLength(most))

// POST /api/intent → where an instruction would go, and why. Writes nothing.
export const intentRequestSchema = v.object({
  text: text(20_000),
  collectionIds: v.array(idSchema),
})
export const intentResponseSchema = v.object({ intent: intentSchema })

// POST /api/runs {kind: 'agent', …} starts a task as the answer to a message, see api.ts.

// GET /api/tasks?conversation=ID&limit=N → newest first · GET /api/tasks/:id
export const taskListSchema = v.object({ tasks: v.array(agentTaskSchema) })
export const taskResponseSchema = v.object({
  task: agentTaskSchema,
  approvals: v.array(approvalSchema),
  batches: v.array(changeBatchSchema),
})
// POST /api/tasks/:id/pause · POST /api/tasks/:id/resume → {task}; cancelling is cancelling its run
// POST /api/tasks/:id/undo · POST /api/tasks/:id/redo → undoes (makes again) all its batches, newest first
// POST /api/batches/:id/undo · POST /api/batches/:id/redo {changeIds?} → {batch}
export const undoRequestSchema = v.object({
  /** Absent: all of them. */
  changeIds: v.optional(v.pipe(v.array(idSchema), v.maxLength(10_000))),
})
export const batchResponseSchema = v.object({ batch: changeBatchSchema })
// GET /api/batches?limit=N → the journal, newest first
export const batchListSchema = v.object({ batches: v.array(changeBatchSchema) })

// GET /api/approvals?state=open|all → newest first · GET /api/approvals/:id
export const approvalListSchema = v.object({ approvals: v.array(approvalSchema) })
export const approvalResponseSchema = v.object({ approval: approvalSchema })
// POST /api/approvals/:id/answer (approvalAnswerSchema) → {approval}; the same answer twice is one answer, another one a conflict
// POST /api/approvals/:id/preview (the edits) → {plan}: the rows as they would be, target names built anew
// GET /api/approvals/:id/changes/:changeId/picture → image/png of the first page, at most 480 px wide; 404 where there is none

// GET /api/policy · PUT /api/policy/switches/:name · POST /api/policy/grants · DELETE /api/policy/grants/:id → 204
export const policySchema = v.object({
  grants: v.array(grantSchema),
  switches: v.array(switchStateSchema),
})
export const putSwitchSchema = v.object({
  on: v.boolean(),
  /** Minutes until it is off again; absent: 60. At most a day. */
  minutes: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(1440))),
})
export const createGrantSchema = v.object({
  id: idSchema,
  capability: capabilitySchema,
  resource: path,
})

// GET /api/skills · PUT /api/skills/:id (own skills: Markdown) · DELETE /api/skills/:id
export const skillInfoSchema = v.object({
  id: v.string(),
  title: v.string(),
  description: v.string(),
  examples: v.array(v.string()),
  /** JSON Schema. */
  parameters: v.record(v.string(), v.unknown()),
  builtIn: v.boolean(),
  /** Markdown of an own skill. */
  source: v.optional(v.string()),
  /** Why an own skill cannot be used. */
  problem: v.optional(v.string()),
})
export type SkillInfo = v.InferOutput<typeof skillInfoSchema>
export const skillListSchema = v.object({ skills: v.array(skillInfoSchema) })
export const putSkillSchema = v.object({ source: text(100_000) })

// GET /api/tools
export const toolInfoSchema = v.object({
  name: v.string(),
  title: v.string(),
  description: v.string(),
  capability: v.optional(capabilitySchema),
  /** `silo`, or the MCP server it belongs to. */
  origin: v.string(),
  /** Why it cannot be used now. */
  unavailable: v.optional(v.string()),
})
export type ToolInfo = v.InferOutput<typeof toolInfoSchema>
export const toolListSchema = v.object({ tools: v.array(toolInfoSchema) })

// GET /api/schedules · PUT /api/schedules/:id · DELETE /api/schedules/:id → 204 · POST /api/schedules/:id/run → {run}
export const scheduleSchema = v.object({
  id: idSchema,
  /** The instruction, as it would be typed. */
  goal: v.pipe(v.string(), v.minLength(1), v.maxLength(4000)),
  intent: v.optional(intentSchema),
  enabled: v.boolean(),
  /** In the companion's time zone. `days`: 0 is Sunday; empty: every day. */
  at: v.object({
    days: v.pipe(
      v.array(v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(6))),
      v.maxLength(7),
    ),
    hour: v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(23)),
    minute: v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(59)),
  }),
  /** Its results are messages of this conversation. */
  conversationId: v.optional(idSchema),
  nextAt: v.optional(v.number()),
  lastRunId: v.optional(idSchema),
})
export type Schedule = v.InferOutput<typeof scheduleSchema>
export const putScheduleSchema = v.pick(scheduleSchema, ['goal', 'intent', 'enabled', 'at'])
export const scheduleListSchema = v.object({ schedules: v.array(scheduleSchema) })

// GET /api/web-search · PUT /api/web-search: the search service the person uses; none by default
export const webSearchSchema = v.object({
  kind: v.picklist(['none', 'searxng', 'brave', 'tavily']),
  /** For `searxng`: its address. */
  url: v.optional(v.pipe(v.string(), v.url(), v.maxLength(2000))),
  /** Written, never read back: `hasKey` tells. */
  key: v.optional(text(500)),
  hasKey: v.optional(v.boolean()),
})
export type WebSearch = v.InferOutput<typeof webSearchSchema>

// GET /api/mcp · PUT /api/mcp/:id · DELETE /api/mcp/:id → 204 · POST /api/mcp/:id/test → {server}
export const mcpServerSchema = v.object({
  id: idSchema,
  name: v.pipe(v.string(), v.regex(/^[a-z][a-z0-9-]{0,31}$/)),
  enabled: v.boolean(),
  road: v.variant('kind', [
    v.object({
      kind: v.literal('stdio'),
      argv: v.pipe(v.array(text(4096)), v.minLength(1), v.maxLength(64)),
      environment: v.optional(v.record(v.string(), v.string())),
    }),
    v.object({
      kind: v.literal('http'),
      url: v.pipe(v.string(), v.url()),
      header: v.optional(text(2000)),
    }),
  ]),
  state: v.optional(v.picklist(['off', 'starting', 'ready', 'failed'])),
  problem: v.optional(v.string()),
  tools: v.optional(v.array(toolInfoSchema)),
})
export type McpServer = v.InferOutput<typeof mcpServerSchema>
export const putMcpServerSchema = v.pick(mcpServerSchema, ['name', 'enabled', 'road'])
export const mcpServerListSchema = v.object({ servers: v.array(mcpServerSchema) })
