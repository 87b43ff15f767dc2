import type { AnswerPlace } from '#shared/domain/conversation.ts'
import type { PlacementReason } from '#shared/router/placement.ts'
import { companion } from '#web/client/companion.svelte.ts'
import { deviceName } from '#web/client/page-host/device-name.ts'
import { connection } from '#web/client/stream.svelte.ts'
import { t } from './texts.ts'

/** What the companion of this page is called. */
export function companionName(): string {
  return connection.companionName ?? companion.status.value?.deviceName ?? t('theCompanion')
}

/** The device an answer was written on. */
export function placeName({ place, device }: Pick<AnswerPlace, 'place' | 'device'>): string {
  return place === 'page' && device === deviceName() ? t('placeHere') : device
}

const reasons = {
  'only-companion': 'whyOnlyCompanion',
  'only-page': 'whyOnlyPage',
  'user-choice': 'whyUserChoice',
  'default-model': 'whyDefaultModel',
  offline: 'whyOffline',
  'small-task': 'whySmallTask',
  'big-task': 'whyBigTask',
  'needs-vault': 'whyNeedsVault',
  'long-context': 'whyLongContext',
  'low-battery': 'whyLowBattery',
  'slow-page': 'whySlowPage',
  'no-page-model': 'whyNoPageModel',
  'no-model': 'whyNoModel',
  'swarm-faster': 'whySwarmFaster',
} as const satisfies Record<PlacementReason, string>

/** Why it was written there, in a few words. */
export function reasonText(reason: PlacementReason): string {
  return t(reasons[reason])
}
