import * as v from 'valibot'
import { engineIdSchema } from './engine-choice.ts'

export const settingsSchema = v.object({
  chatModelId: v.optional(v.string()),
  embedModelId: v.optional(v.string()),
  /** The engine that model files are tried in first; absent or `auto`: the best. */
  engine: v.optional(v.picklist(['auto', ...engineIdSchema.options])),
  /** Tokens of context a chat may use; the engine lowers it to what the model and the memory allow. */
  contextTokens: v.pipe(v.number(), v.integer(), v.minValue(1024), v.maxValue(131_072)),
  /** Computed context kept on disk at most, bytes; 0: none. */
  kvPagesBytes: v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(2 ** 42)),
  temperature: v.pipe(v.number(), v.minValue(0), v.maxValue(2)),
  systemPrompt: v.pipe(v.string(), v.maxLength(20_000)),
  onboarded: v.boolean(),
  /** Tell browsers by their makers' push services that a task is over. Leaves the house, hence off. */
  webPush: v.boolean(),
  /** Is the app served over HTTPS in the local network? Changed by `PATCH /api/lan`; absent: as configured. */
  lan: v.optional(v.boolean()),
})
export type Settings = v.InferOutput<typeof settingsSchema>

export const defaultSettings: Settings = {
  contextTokens: 8192,
  kvPagesBytes: 4_000_000_000,
  temperature: 0.4,
  systemPrompt: '',
  onboarded: false,
  webPush: false,
}

export const apiKeySchema = v.object({
  id: v.string(),
  name: v.string(),
  /** First characters, to tell keys apart; the key itself is shown once and stored hashed. */
  prefix: v.string(),
  createdAt: v.number(),
  usedAt: v.optional(v.number()),
})
export type ApiKey = v.InferOutput<typeof apiKeySchema>
