import * as v from 'valibot'
import { intentSchema } from '#shared/domain/agent-task.ts'
import { artifactSchema } from '#shared/domain/artifact.ts'
import { conversationSchema, messageSchema } from '#shared/domain/conversation.ts'
import { hardwareSchema } from '#shared/domain/device.ts'
import { idSchema } from '#shared/domain/ids.ts'
import { modelStateSchema } from '#shared/domain/model.ts'
import { apiKeySchema, settingsSchema } from '#shared/domain/settings.ts'
import { collectionSchema, documentSchema, problemSchema } from '#shared/domain/vault.ts'
import { placementReasons } from '#shared/router/placement.ts'
import { runEventSchema, runSummarySchema } from './run-event.ts'

export { searchRequestSchema, searchResponseSchema } from './search.ts'

const text = (max: number) => v.pipe(v.string(), v.maxLength(max))
const title = v.pipe(v.string(), v.trim(), v.minLength(1), v.maxLength(200))
const path = v.pipe(v.string(), v.minLength(1), v.maxLength(4096))

/** Characters one message may have; a longer text belongs in the vault. */
export const maxMessageLength = 400_000

// POST /api/runs: 202 {run}. The same id and body again answers 202 without starting a second run.
export const startRunSchema = v.variant('kind', [
  v.object({
    kind: v.literal('chat'),
    id: idSchema,
    conversationId: idSchema,
    /** Sent with a new or edited message. Absent to answer `parentId` (a user message) once more. */
    userMessage: v.optional(
      v.object({ id: idSchema, parentId: v.nullable(idSchema), text: text(maxMessageLength) }),
    ),
    /** The user message to answer; equals `userMessage.id` where that is sent. */
    parentId: idSchema,
    assistantMessageId: idSchema,
    modelId: v.optional(v.string()),
    /** Why the client chose this place, where it had a choice. */
    reason: v.optional(v.picklist(placementReasons)),
  }),
  v.object({
    kind: v.literal('ingest'),
    id: idSchema,
    collectionId: idSchema,
    /** Roots to add. Empty: read the collection's roots again. */
    paths: v.pipe(v.array(path), v.maxLength(100)),
    /** Only these files and folders below the roots; absent: everything. */
    only: v.optional(v.pipe(v.array(path), v.maxLength(1000))),
    /** Whether what failed, and has not changed since, is tried again. */
    retry: v.optional(v.boolean()),
  }),
  v.object({ kind: v.literal('download'), id: idSchema, modelId: v.string() }),
  /** Makes a version of about 3.5 bits per weight of an installed chat model. Owners only. */
  v.object({ kind: v.literal('quantize'), id: idSchema, modelId: v.string() }),
  /** A task of the agent as the answer to a message. Owners only. */
  v.object({
    kind: v.literal('agent'),
    id: idSchema,
    conversationId: idSchema,
    userMessage: v.optional(
      v.object({ id: idSchema, parentId: v.nullable(idSchema), text: text(maxMessageLength) }),
    ),
    parentId: idSchema,
    assistantMessageId: idSchema,
    modelId: v.optional(v.string()),
    /** As `POST /api/intent` said or the person chose; absent: chosen here. */
    intent: v.optional(intentSchema),
  }),
])
export type StartRun = v.InferOutput<typeof startRunSchema>
export const runResponseSchema = v.object({ run: runSummarySchema })
// GET /api/runs?active=1
export const runListSchema = v.object({ runs: v.array(runSummarySchema) })
// GET /api/runs/:id/events?after=SEQ (JSON; with `accept: text/event-stream` it follows the run to its end)
export const runEventsSchema = v.object({ run: runSummarySchema, events: v.array(runEventSchema) })
// POST /api/runs/:id/cancel: 202 {run}

// GET /api/status
export const statusSchema = v.object({
  version: v.string(),
  protocolVersion: v.number(),
  companionId: v.string(),
  deviceName: v.string(),
  hardware: hardwareSchema,
  engine: v.object({
    id: v.string(),
    build: v.string(),
    /** `cpu`, `cuda`, `vulkan`, `metal`. */
    backend: v.string(),
    state: v.picklist(['idle', 'loading', 'ready', 'restarting', 'failed']),
    threads: v.number(),
  }),
  chatModelId: v.nullable(v.string()),
  embedModelId: v.nullable(v.string()),
  activeRuns: v.array(runSummarySchema),
  vault: v.object({ collections: v.number(), documents: v.number(), chunks: v.number() }),
  home: v.string(),
})
export type Status = v.InferOutput<typeof statusSchema>

// GET /api/conversations?query=TEXT
export const conversationHitSchema = v.object({
  conversation: conversationSchema,
  /** Where the query was found, for a search. */
  snippet: v.optional(v.string()),
})
export const conversationListSchema = v.object({ conversations: v.array(conversationHitSchema) })
// POST /api/conversations (idempotent by id) · GET /api/conversations/:id
export const createConversationSchema = v.object({
  id: idSchema,
  title: v.optional(title),
  collectionIds: v.optional(v.array(idSchema)),
  modelId: v.optional(v.string()),
})
export const conversationResponseSchema = v.object({
  conversation: conversationSchema,
  messages: v.array(messageSchema),
})
// PATCH /api/conversations/:id → {conversation}
export const patchConversationSchema = v.object({
  title: v.optional(title),
  leafId: v.optional(idSchema),
  modelId: v.optional(v.nullable(v.string())),
  collectionIds: v.optional(v.array(idSchema)),
})
export const conversationOnlySchema = v.object({ conversation: conversationSchema })
// DELETE /api/conversations/:id → 204 (kept for 30 days) · POST /api/conversations/:id/restore → {conversation}
// GET /api/conversations/:id/export?format=markdown|json → file
// GET /api/conversations/:id/artifacts
export const artifactListSchema = v.object({ artifacts: v.array(artifactSchema) })
// GET /api/artifacts/:id/content → text/plain, always as an attachment and with a sandboxing CSP

// GET /api/models · DELETE /api/models/:id → {model}
export const modelListSchema = v.object({ models: v.array(modelStateSchema) })
export const modelResponseSchema = v.object({ model: modelStateSchema })
// GET /api/models/found → {files}: what other programs on the companion's computer have; owners only
export const foundModelFileSchema = v.object({
  program: v.picklist(['Ollama', 'LM Studio', 'Hugging Face']),
  path: v.string(),
  name: v.string(),
  /** Bytes. */
  size: v.number(),
})
export type FoundModelFile = v.InferOutput<typeof foundModelFileSchema>
export const foundModelFilesSchema = v.object({ files: v.array(foundModelFileSchema) })
// POST /api/models/import → {model}
export const importModelSchema = v.object({ path, name: v.optional(title) })

// GET /api/collections · POST /api/collections · PATCH/DELETE /api/collections/:id
export const collectionListSchema = v.object({ collections: v.array(collectionSchema) })
export const createCollectionSchema = v.object({ id: idSchema, name: title })
export const patchCollectionSchema = v.object({ name: title })
export const collectionResponseSchema = v.object({ collection: collectionSchema })
// GET /api/collections/:id/documents?query=&offset=&limit= · GET /api/collections/:id/problems
export const documentListSchema = v.object({
  documents: v.array(documentSchema),
  total: v.number(),
})
export const problemListSchema = v.object({ problems: v.array(problemSchema) })
// GET /api/documents/:id/text?start=&length= → documentTextSchema
// POST /api/search: shared/protocol/search.ts
// GET /api/folders?path=ABSOLUTE → for the folder picker; without a path, the home folder
export const folderListSchema = v.object({
  path: v.string(),
  parent: v.nullable(v.string()),
  folders: v.array(v.object({ name: v.string(), path: v.string() })),
  /** Count of plain files here. */
  files: v.number(),
})

// GET/PATCH /api/settings
export const settingsResponseSchema = v.object({ settings: settingsSchema })
export const patchSettingsSchema = v.partial(v.omit(settingsSchema, ['lan']))
// GET /api/computed-context · DELETE /api/computed-context → 204
export const computedContextSchema = v.object({
  /** What models computed of conversations and keep on disk, bytes. */
  bytes: v.number(),
  maxBytes: v.number(),
  /** Files are encrypted at rest: then nothing is kept, whatever the settings say. */
  sealed: v.boolean(),
})
// GET/POST /api/keys · DELETE /api/keys/:id → 204
export const keyListSchema = v.object({ keys: v.array(apiKeySchema) })
export const createKeySchema = v.object({ name: title })
export const keyCreatedSchema = v.object({ key: apiKeySchema, secret: v.string() })
