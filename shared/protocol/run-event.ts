import * as v from 'valibot'
import { intentSchema, planStepSchema, taskStateSchema } from '#shared/domain/agent-task.ts'
import { artifactSchema } from '#shared/domain/artifact.ts'
import { citationSchema, outcomeSchema, usageSchema } from '#shared/domain/conversation.ts'
import { idSchema } from '#shared/domain/ids.ts'
import { wireErrorSchema } from '#shared/errors/silo-error.ts'
import { placementReasons, placements } from '#shared/router/placement.ts'
import { unreachableSchema } from './search.ts'

export const runKindSchema = v.picklist([
  'chat',
  'agent',
  'ingest',
  'download',
  'quantize',
  'check',
  'backup',
])
export type RunKind = v.InferOutput<typeof runKindSchema>

/** Why the model stopped, for a chat. `repetition`: it was stopped, for it only repeated itself. */
const stopReasonSchema = v.picklist(['stop', 'length', 'repetition'])
export type StopReason = v.InferOutput<typeof stopReasonSchema>

/** What happened, without its place in the log. */
export const runEventBodySchema = v.variant('type', [
  v.object({
    type: v.literal('run-started'),
    kind: runKindSchema,
    /** What the run is about: conversation, collection or model id. */
    subject: v.string(),
    /** For a chat: the assistant message it writes. */
    messageId: v.optional(idSchema),
  }),
  v.object({
    type: v.literal('placement-chosen'),
    /** Absent in logs of version 0.1: a companion. */
    place: v.optional(v.picklist(placements)),
    device: v.string(),
    engine: v.string(),
    modelId: v.string(),
    /** Why here, as a code the UI translates. */
    reason: v.picklist(placementReasons),
  }),
  /** How the context was filled. Nothing is dropped without this being said. */
  v.object({
    type: v.literal('context-built'),
    usedTokens: v.number(),
    limitTokens: v.number(),
    /** Tokens kept free for the answer. */
    answerTokens: v.number(),
    /** Ids of messages left out because the context was full, oldest first. */
    droppedMessageIds: v.array(idSchema),
    passages: v.number(),
    /** Passages found but left out for room. */
    droppedPassages: v.number(),
    /** The passages were found by words only: what searches by meaning is not on this device. */
    wordsOnly: v.optional(v.boolean()),
    /** Holders of documents that could not be asked, so that the answer is not taken for complete. */
    unreachable: v.optional(v.array(unreachableSchema)),
  }),
  v.object({ type: v.literal('text-delta'), text: v.string() }),
  // Of an agent's task:
  v.object({ type: v.literal('intent-chosen'), intent: intentSchema }),
  /** The whole plan as it is now. */
  v.object({ type: v.literal('plan'), steps: v.array(planStepSchema) }),
  v.object({ type: v.literal('task-state'), state: taskStateSchema }),
  v.object({
    type: v.literal('tool-call'),
    callId: v.string(),
    tool: v.string(),
    /** JSON, at most 16 KB; longer texts are cut. */
    input: v.record(v.string(), v.unknown()),
    /** The step of the plan it belongs to. */
    stepId: v.optional(v.string()),
  }),
  /** What a program writes while it runs. */
  v.object({
    type: v.literal('tool-output'),
    callId: v.string(),
    stream: v.picklist(['stdout', 'stderr']),
    text: v.string(),
  }),
  v.object({
    type: v.literal('tool-result'),
    callId: v.string(),
    /** A few words: `17 files`. */
    summary: v.string(),
    /** JSON text for those who want to see more, at most 16 KB. */
    detail: v.optional(v.string()),
    error: v.optional(wireErrorSchema),
    /** It holds text that somebody else wrote. */
    foreign: v.optional(v.boolean()),
    ms: v.number(),
  }),
  /** The approval itself is asked for by its id: a plan may be long. */
  v.object({
    type: v.literal('approval-request'),
    approvalId: idSchema,
    kind: v.picklist(['changes', 'grant', 'command', 'python', 'send', 'question']),
    /** What is asked, in one line. */
    title: v.string(),
    /** Rows of a plan. */
    count: v.optional(v.number()),
  }),
  v.object({
    type: v.literal('approval-answer'),
    approvalId: idSchema,
    decision: v.picklist(['approve', 'deny', 'withdraw']),
    /** `self` or a device id. */
    by: v.string(),
  }),
  v.object({
    type: v.literal('changes-made'),
    batchId: idSchema,
    done: v.number(),
    failed: v.number(),
    skipped: v.number(),
  }),
  v.object({ type: v.literal('artifact-updated'), artifact: artifactSchema }),
  v.object({ type: v.literal('citation'), citation: citationSchema }),
  v.object({ type: v.literal('artifact-created'), artifact: artifactSchema }),
  v.object({
    type: v.literal('progress'),
    /** e.g. `queued`, `loading-model`, `scanning`, `embedding`, `downloading`, `verifying`. */
    stage: v.string(),
    done: v.number(),
    /** Absent while unknown. */
    total: v.optional(v.number()),
    unit: v.picklist(['bytes', 'files', 'chunks', 'steps']),
    /** What is being worked on now: a file or source name. */
    detail: v.optional(v.string()),
    /** Units per second. */
    rate: v.optional(v.number()),
  }),
  /** Something failed without ending the run: one file, one source. */
  v.object({ type: v.literal('item-failed'), item: v.string(), error: wireErrorSchema }),
  v.object({ type: v.literal('usage'), usage: usageSchema }),
  v.object({
    type: v.literal('run-ended'),
    outcome: outcomeSchema,
    error: v.optional(wireErrorSchema),
    stopReason: v.optional(stopReasonSchema),
    /** Counts worth showing: `added`, `changed`, `removed`, `unchanged`, `failed`, … */
    counts: v.optional(v.record(v.string(), v.number())),
  }),
])
export type RunEventBody = v.InferOutput<typeof runEventBodySchema>

/** One line of a run's append-only log. `seq` is contiguous from 0 within the run. */
export const runEventSchema = v.object({
  runId: idSchema,
  seq: v.pipe(v.number(), v.integer(), v.minValue(0)),
  /** Ms since 1970. */
  at: v.number(),
  body: runEventBodySchema,
})
export type RunEvent = v.InferOutput<typeof runEventSchema>

export const runSummarySchema = v.object({
  id: idSchema,
  kind: runKindSchema,
  subject: v.string(),
  messageId: v.optional(idSchema),
  startedAt: v.number(),
  endedAt: v.optional(v.number()),
  outcome: v.optional(outcomeSchema),
  lastSeq: v.number(),
})
export type RunSummary = v.InferOutput<typeof runSummarySchema>
