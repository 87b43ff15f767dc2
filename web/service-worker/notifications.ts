import * as v from 'valibot'
import { pushPayloadSchema, type PushPayload } from '#shared/protocol/push.ts'
import { pathOfRun } from '#web/client/run-news.ts'
import { askText, endText } from '#web/client/run-texts.ts'

const openSchema = v.object({ path: v.pipe(v.string(), v.regex(/^\/(?!\/)/)) })

/** Shows what a push says; a browser demands that each one is shown. */
export async function showPush(
  scope: ServiceWorkerGlobalScope,
  data: PushMessageData | null,
): Promise<void> {
  const payload = payloadOf(data)
  const { body, path } = payload ? newsOf(payload) : { body: endText('chat', 'done', 'en'), path: '/inbox' } // prettier-ignore
  await scope.registration.showNotification('Silo', {
    body,
    icon: '/icons/icon-192.png',
    badge: '/icons/maskable-192.png',
    lang: payload?.language === 'zh' ? 'zh-CN' : 'en',
    tag: payload?.runId ?? 'silo',
    data: { path },
  })
}

/** Brings a window of the app to the front and lets it open the result, or opens a window. */
export async function openFromNotification(
  scope: ServiceWorkerGlobalScope,
  data: unknown,
): Promise<void> {
  const parsed = v.safeParse(openSchema, data)
  const path = parsed.success ? parsed.output.path : '/inbox'
  const [window] = await scope.clients.matchAll({ type: 'window' })
  if (!window) {
    await scope.clients.openWindow(path)
    return
  }
  await window.focus().catch(() => {})
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a client of this worker
  window.postMessage({ type: 'OPEN', path })
}

function newsOf(payload: PushPayload): { body: string; path: string } {
  if (payload.type === 'approval-waits')
    return { body: askText(payload.language), path: `/approvals/${payload.approvalId}` }
  return {
    body: endText(payload.kind, payload.outcome, payload.language),
    path: pathOfRun(payload),
  }
}

function payloadOf(data: PushMessageData | null): PushPayload | undefined {
  try {
    const parsed = v.safeParse(pushPayloadSchema, data?.json())
    return parsed.success ? parsed.output : undefined
  } catch {
    return undefined
  }
}
