import * as v from 'valibot'

/** What the companion hears: 16 kHz, one channel, 16-bit PCM, in a WAV file. */
export const speechSampleRate = 16_000
/** Longest recording, in seconds. */
export const maxSpeechSeconds = 600
/** Bytes of the longest recording with its header and what else a recorder may put in front of the samples. */
export const maxSpeechBytes = maxSpeechSeconds * speechSampleRate * 2 + 4096

export const speechLanguageSchema = v.picklist(['zh', 'en'])

// GET /api/speech
export const speechStateSchema = v.object({
  /** False where this machine cannot do it at all; `reason` says why. */
  available: v.boolean(),
  reason: v.nullable(v.string()),
  /** The model that listens, or that would be fetched for it. */
  modelId: v.nullable(v.string()),
  modelName: v.nullable(v.string()),
  /** Bytes of that model. */
  modelSize: v.number(),
  installed: v.boolean(),
  /** The run that fetches the model now. */
  downloadRunId: v.nullable(v.string()),
})
export type SpeechState = v.InferOutput<typeof speechStateSchema>

// POST /api/speech/transcriptions?language=zh|en, body audio/wav; without a language it is recognised
export const transcriptionQuerySchema = v.object({ language: v.optional(speechLanguageSchema) })
export const transcriptionSchema = v.object({
  text: v.string(),
  language: v.string(),
  segments: v.array(v.object({ startMs: v.number(), endMs: v.number(), text: v.string() })),
  /** Length of the recording. */
  durationMs: v.number(),
})
export type Transcription = v.InferOutput<typeof transcriptionSchema>
