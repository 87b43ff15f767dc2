import type { Language } from '#shared/errors/silo-error.ts'
import type { RunSummary } from '#shared/protocol/run-event.ts'
import { longRunMs, pathOfRun } from './run-news.ts'

const storageKey = 'silo.notify'

/** `unsupported`: this browser shows none here. `denied`: the person refused in the browser's settings. */
export type NotifyState = 'unsupported' | 'denied' | 'off' | 'on'

/** Whether this device shows a notification when a long task ends while nobody looks. */
export function notifyState(): NotifyState {
  if (!('Notification' in globalThis) || !('serviceWorker' in navigator)) return 'unsupported'
  if (Notification.permission === 'denied') return 'denied'
  return Notification.permission === 'granted' && wanted() ? 'on' : 'off'
}

/** Asks the browser; call it from a click only. */
export async function switchNotify(on: boolean): Promise<NotifyState> {
  if (on && 'Notification' in globalThis) await Notification.requestPermission()
  try {
    if (on) localStorage.setItem(storageKey, '1')
    else localStorage.removeItem(storageKey)
  } catch {
    // Storage is forbidden: then there is no such choice to keep.
  }
  return notifyState()
}

/** A long run ended while the page is open but not looked at: says so on this device. Nothing leaves it. */
export async function notifyEnd(run: RunSummary, language: Language): Promise<boolean> {
  const { id, kind, outcome, startedAt, endedAt } = run
  if (outcome === undefined || outcome === 'cancelled') return false
  if ((endedAt ?? startedAt) - startedAt < longRunMs) return false
  if (document.visibilityState === 'visible' || notifyState() !== 'on') return false
  // The words are not part of the first page.
  const { endText } = await import('./run-texts.ts')
  const registration = await navigator.serviceWorker.getRegistration()
  await registration?.showNotification('Silo', {
    body: endText(kind, outcome, language),
    icon: '/icons/icon-192.png',
    badge: '/icons/maskable-192.png',
    lang: language === 'zh' ? 'zh-CN' : 'en',
    // A push about the same run replaces it, and does not stand beside it.
    tag: id,
    data: { path: pathOfRun(run) },
  })
  return registration !== undefined
}

/** The agent asks something while nobody looks at the open page: says so on this device, and nothing of what it is. */
export async function notifyAsk(
  runId: string,
  approvalId: string,
  language: Language,
): Promise<boolean> {
  if (document.visibilityState === 'visible' || notifyState() !== 'on') return false
  const { askText } = await import('./run-texts.ts')
  const registration = await navigator.serviceWorker.getRegistration()
  await registration?.showNotification('Silo', {
    body: askText(language),
    icon: '/icons/icon-192.png',
    badge: '/icons/maskable-192.png',
    lang: language === 'zh' ? 'zh-CN' : 'en',
    tag: runId,
    data: { path: `/approvals/${approvalId}` },
  })
  return registration !== undefined
}

/** Calls `open` with the page that a clicked notification stands for. Returns the end of it. */
export function onNotificationOpened(open: (path: string) => void): () => void {
  if (!('serviceWorker' in navigator)) return () => {}
  const listener = ({ data }: MessageEvent<unknown>): void => {
    const message = data as { type?: unknown; path?: unknown } | null
    if (message?.type === 'OPEN' && typeof message.path === 'string') open(message.path)
  }
  navigator.serviceWorker.addEventListener('message', listener)
  return () => navigator.serviceWorker.removeEventListener('message', listener)
}

function wanted(): boolean {
  try {
    return localStorage.getItem(storageKey) === '1'
  } catch {
    return false
  }
}
