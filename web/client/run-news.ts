import type { RunKind } from '#shared/protocol/run-event.ts'

/** A run that took this long is worth a notification, ms; the companion's Web Push has the same limit. */
export const longRunMs = 20_000

/** Where the result of a run is seen. */
export function pathOfRun({ kind, subject }: { kind: RunKind; subject: string }): string {
  if (kind === 'chat' || kind === 'agent') return `/c/${encodeURIComponent(subject)}`
  if (kind === 'ingest') return `/vault/${encodeURIComponent(subject)}`
  return { download: '/models', quantize: '/models', check: '/vault', backup: '/settings' }[kind]
}
