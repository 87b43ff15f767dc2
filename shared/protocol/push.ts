import * as v from 'valibot'
import { outcomeSchema } from '#shared/domain/conversation.ts'
import { idSchema } from '#shared/domain/ids.ts'
import { runKindSchema } from './run-event.ts'

const base64url = (bytes: number) =>
  v.pipe(v.string(), v.regex(new RegExp(`^[A-Za-z0-9_-]{${Math.ceil((bytes * 4) / 3)}}=*$`)))

/** What `PushSubscription.toJSON()` gives. */
export const pushSubscriptionSchema = v.object({
  endpoint: v.pipe(v.string(), v.maxLength(2000), v.url()),
  keys: v.object({ p256dh: base64url(65), auth: base64url(16) }),
})
export type PushSubscriptionInfo = v.InferOutput<typeof pushSubscriptionSchema>

// GET /api/push → whether Web Push is on (the setting `webPush`), and the key browsers subscribe with
export const pushInfoSchema = v.object({ enabled: v.boolean(), publicKey: v.string() })
// POST /api/push → 204; push_off while it is off · DELETE /api/push {endpoint} → 204
export const subscribePushSchema = v.object({
  subscription: pushSubscriptionSchema,
  /** The language notifications are shown in. */
  language: v.picklist(['en', 'zh']),
})
export const unsubscribePushSchema = v.object({
  endpoint: v.pipe(v.string(), v.maxLength(2000), v.url()),
})

/** All a push carries, and only encrypted for the browser: that a task is over or waits for leave, and its ids. Never content. */
export const pushPayloadSchema = v.variant('type', [
  v.object({
    type: v.literal('run-ended'),
    runId: idSchema,
    kind: runKindSchema,
    subject: v.string(),
    outcome: outcomeSchema,
    language: v.picklist(['en', 'zh']),
  }),
  v.object({
    type: v.literal('approval-waits'),
    runId: idSchema,
    approvalId: idSchema,
    language: v.picklist(['en', 'zh']),
  }),
])
export type PushPayload = v.InferOutput<typeof pushPayloadSchema>
