import * as v from 'valibot'
import { sha256Schema } from './ids.ts'

/** One file of a model that runs in the page. */
export const pageFileSchema = v.object({
  /** A plain name, never a path. */
  name: v.pipe(v.string(), v.regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/)),
  /** Bytes. */
  size: v.pipe(v.number(), v.integer(), v.minValue(1)),
  sha256: sha256Schema,
})
export type PageFile = v.InferOutput<typeof pageFileSchema>

/** Which web-llm and which model library belong together; any other pair fails to link. */
export const webLlmPairSchema = v.object({
  /** Version of the package `@mlc-ai/web-llm`. */
  webLlm: v.string(),
  /** Version of the compiled model libraries, e.g. `v0_2_86/base`. */
  libraries: v.string(),
  /** Which of the files is the model library. */
  library: v.string(),
})
export type WebLlmPair = v.InferOutput<typeof webLlmPairSchema>

/** What a companion has for pages: the file sums are pinned, so that any road may carry the bytes. */
export const pageModelOfferSchema = v.object({
  id: v.string(),
  files: v.pipe(v.array(pageFileSchema), v.minLength(1)),
  pair: v.optional(webLlmPairSchema),
})
export type PageModelOffer = v.InferOutput<typeof pageModelOfferSchema>

/** `GET /api/page-models`. The bytes are at `GET /api/page-models/:id/files/:name`, with ranges. */
export const pageModelListSchema = v.object({ models: v.array(pageModelOfferSchema) })
