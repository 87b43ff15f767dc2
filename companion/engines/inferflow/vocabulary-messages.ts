import * as v from 'valibot'
import { wireErrorSchema } from '#shared/errors/silo-error.ts'
import { promptSchema } from '../llama-cpp/messages.ts'

/** What the companion and the process with a model's vocabulary say to each other. Both sides parse what arrives. */

export const toVocabularySchema = v.variant('op', [
  v.object({
    op: v.literal('load'),
    id: v.number(),
    modelId: v.string(),
    path: v.string(),
    /** How many tokens there are. */
    size: v.number(),
  }),
  v.object({ op: v.literal('encode'), id: v.number(), prompt: promptSchema }),
  v.object({ op: v.literal('fit'), id: v.number(), text: v.string(), most: v.number() }),
])
export type ToVocabulary = v.InferOutput<typeof toVocabularySchema>

export const fromVocabularySchema = v.variant('op', [
  v.object({
    op: v.literal('loaded'),
    id: v.number(),
    /** Every token as the file has it. */
    pieces: v.array(v.string()),
    /** Tokens that end an answer, the usual one first. */
    ends: v.array(v.number()),
    callsTools: v.boolean(),
  }),
  v.object({ op: v.literal('encoded'), id: v.number(), tokens: v.instance(Uint32Array) }),
  /** The beginning of the text that is at most so many tokens: its length, and how many they are. */
  v.object({ op: v.literal('fitted'), id: v.number(), length: v.number(), tokens: v.number() }),
  v.object({ op: v.literal('error'), id: v.number(), error: wireErrorSchema, detail: v.string() }),
])
export type FromVocabulary = v.InferOutput<typeof fromVocabularySchema>
