import * as v from 'valibot'
import { wireErrorSchema } from '#shared/errors/silo-error.ts'

/** What the companion and the engine's child process say to each other. Both sides parse what arrives. */

const toolCallSchema = v.object({ id: v.string(), name: v.string(), arguments: v.string() })
const jsonObject = v.record(v.string(), v.unknown())

export const promptSchema = v.variant('kind', [
  v.object({
    kind: v.literal('chat'),
    messages: v.array(
      v.object({
        role: v.picklist(['system', 'user', 'assistant', 'tool']),
        content: v.string(),
        toolCalls: v.optional(v.array(toolCallSchema)),
        toolCallId: v.optional(v.string()),
        name: v.optional(v.string()),
      }),
    ),
    tools: v.optional(
      v.array(
        v.object({
          name: v.string(),
          description: v.optional(v.string()),
          parameters: jsonObject,
        }),
      ),
    ),
  }),
  v.object({ kind: v.literal('text'), text: v.string() }),
])

const limited = v.optional(v.number())
export const generateRequestSchema = v.object({
  prompt: promptSchema,
  maxTokens: limited,
  temperature: limited,
  topP: limited,
  topK: limited,
  minP: limited,
  seed: limited,
  frequencyPenalty: limited,
  presencePenalty: limited,
  stop: v.optional(v.array(v.string())),
  session: v.optional(v.string()),
  format: v.optional(
    v.variant('type', [
      v.object({ type: v.literal('json-schema'), schema: jsonObject }),
      v.object({ type: v.literal('json') }),
      v.object({ type: v.literal('tool'), name: v.optional(v.string()) }),
    ]),
  ),
})

export const toWorkerSchema = v.variant('op', [
  v.object({
    op: v.literal('load'),
    id: v.number(),
    modelId: v.string(),
    path: v.string(),
    task: v.picklist(['chat', 'embed']),
    contextTokens: v.number(),
    parallel: v.number(),
    gpu: v.picklist(['auto', 'cpu']),
    /** 0: the engine chooses. */
    threads: v.number(),
    kvBytesPerToken: v.number(),
    /** Where computed context is kept, and for which build of the engine; absent: nowhere. */
    pages: v.optional(
      v.object({
        directory: v.string(),
        maxBytes: v.number(),
        sha256: v.string(),
        build: v.string(),
      }),
    ),
  }),
  v.object({ op: v.literal('generate'), id: v.number(), request: generateRequestSchema }),
  v.object({ op: v.literal('embed'), id: v.number(), texts: v.array(v.string()) }),
  v.object({ op: v.literal('count'), id: v.number(), prompt: promptSchema }),
  v.object({ op: v.literal('cancel'), id: v.number() }),
  /** Writes what is worth keeping to disk. */
  v.object({ op: v.literal('keep'), id: v.number() }),
  v.object({ op: v.literal('forget'), id: v.number(), session: v.optional(v.string()) }),
  v.object({ op: v.literal('limit-pages'), id: v.number(), maxBytes: v.number() }),
])
export type ToWorker = v.InferOutput<typeof toWorkerSchema>

export const generateEventSchema = v.variant('type', [
  v.object({ type: v.literal('prompt'), promptTokens: v.number(), cachedTokens: v.number() }),
  v.object({ type: v.literal('text'), text: v.string() }),
  v.object({ type: v.literal('tool-call'), call: toolCallSchema }),
  v.object({
    type: v.literal('end'),
    reason: v.picklist(['stop', 'length', 'tool-calls', 'abort']),
    promptTokens: v.number(),
    cachedTokens: v.number(),
    completionTokens: v.number(),
    promptMs: v.number(),
    decodeMs: v.number(),
  }),
])

export const fromWorkerSchema = v.variant('op', [
  v.object({ op: v.literal('progress'), id: v.number(), fraction: v.number() }),
  v.object({
    op: v.literal('loaded'),
    id: v.number(),
    contextTokens: v.number(),
    dimensions: v.number(),
    parallel: v.number(),
    callsTools: v.boolean(),
    backend: v.picklist(['cpu', 'cuda', 'vulkan', 'metal']),
    threads: v.number(),
  }),
  v.object({ op: v.literal('events'), id: v.number(), events: v.array(generateEventSchema) }),
  v.object({
    op: v.literal('vectors'),
    id: v.number(),
    vectors: v.array(v.instance(Float32Array)),
  }),
  v.object({ op: v.literal('counted'), id: v.number(), tokens: v.number() }),
  v.object({ op: v.literal('done'), id: v.number() }),
  v.object({ op: v.literal('error'), id: v.number(), error: wireErrorSchema, detail: v.string() }),
])
export type FromWorker = v.InferOutput<typeof fromWorkerSchema>
