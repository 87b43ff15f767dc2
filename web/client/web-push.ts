import { SiloError } from '#shared/errors/silo-error.ts'
import type { Language } from '#shared/errors/silo-error.ts'
import { pushInfoSchema, pushSubscriptionSchema } from '#shared/protocol/push.ts'
import * as v from 'valibot'
import { request, send } from './api.ts'

/** Whether this browser can be reached by a push service at all. */
export function canPush(): boolean {
  return 'PushManager' in globalThis && 'serviceWorker' in navigator
}

/** Whether this browser is subscribed. */
export async function isPushed(): Promise<boolean> {
  if (!canPush()) return false
  const registration = await navigator.serviceWorker.getRegistration()
  return Boolean(await registration?.pushManager.getSubscription())
}

/**
 * Has the companion tell this browser, by its maker's push service, that a long task is over.
 * @throws SiloError push_off, forbidden where the person or the browser refuses
 */
export async function subscribePush(language: Language): Promise<void> {
  const { publicKey } = await request('/api/push', pushInfoSchema)
  const registration = await navigator.serviceWorker.ready
  const subscription = await registration.pushManager
    .subscribe({ userVisibleOnly: true, applicationServerKey: publicKey })
    .catch((cause: unknown) => {
      throw new SiloError('push_unavailable', { cause })
    })
  const parsed = v.safeParse(pushSubscriptionSchema, subscription.toJSON())
  if (!parsed.success) throw new SiloError('push_unavailable')
  try {
    const body = { subscription: parsed.output, language }
    await send('/api/push', { method: 'POST', body })
  } catch (error) {
    await subscription.unsubscribe().catch(() => {})
    throw error
  }
}

export async function unsubscribePush(): Promise<void> {
  const registration = await navigator.serviceWorker.getRegistration()
  const subscription = await registration?.pushManager.getSubscription()
  if (!subscription) return
  await send('/api/push', { method: 'DELETE', body: { endpoint: subscription.endpoint } })
  await subscription.unsubscribe()
}
