import * as v from 'valibot'
import { runEventSchema } from './run-event.ts'

/** What changed and should be read again. `id` narrows it to one record. */
export const changeSchema = v.object({
  topic: v.picklist(['conversations', 'models', 'vault', 'settings', 'status', 'devices', 'sync']),
  id: v.optional(v.string()),
})
export type Change = v.InferOutput<typeof changeSchema>

/**
 * The one event stream of the UI: `GET /api/events`, server-sent events. Each SSE message is one of these as
 * JSON. Run events of every run arrive here from the moment of connection on; a client that missed some
 * (it sees a gap in `seq`, or it reconnected) reads them with `GET /api/runs/:id/events?after=SEQ`.
 */
export const streamMessageSchema = v.variant('type', [
  v.object({ type: v.literal('hello'), companionId: v.string(), protocolVersion: v.number() }),
  v.object({ type: v.literal('run-event'), event: runEventSchema }),
  v.object({ type: v.literal('change'), change: changeSchema }),
])
export type StreamMessage = v.InferOutput<typeof streamMessageSchema>
