import { connection } from '#web/client/stream.svelte.ts'
import { formatWhen } from '#web/ui/format.ts'
import { t } from './texts.ts'

/** Where this page is connected, in a few words: `Studio connected`, `Studio away since 14:02`. */
export function connectionText(): string {
  const { state, since } = connection
  const name = connection.companionName ?? t('theCompanion')
  if (state === 'online') return t('onlineWith', { name })
  if (state === 'connecting') return t('connectingTo', { name })
  if (state === 'offline') return t('awaySince', { name, when: formatWhen(since) })
  return state === 'revoked' ? t('removedFrom', { name }) : t('pageOnly')
}
