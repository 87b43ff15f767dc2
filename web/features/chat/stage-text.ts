import { formatCount } from '#web/ui/format.ts'
import type { LiveAnswer } from './live-answer.ts'
import { t } from './texts.ts'

/** What is being done before the first word of an answer, with numbers where there are any. */
export function stageText(answer: LiveAnswer | undefined): string {
  const stage = answer?.stage
  if (answer?.context && !stage)
    return t('stagePrefill', { n: formatCount(answer.context.usedTokens) })
  if (!stage) return t('working')
  if (stage.stage === 'queued' && stage.total) return t('stageAhead', { n: stage.total })
  const name =
    {
      queued: t('stageQueued'),
      'loading-model': t('stageLoading'),
      retrieving: t('stageRetrieving'),
      searching: t('stageRetrieving'),
    }[stage.stage] ?? t('working')
  if (stage.total === undefined || stage.total <= 1) return name
  return `${name} · ${formatCount(stage.done)} / ${formatCount(stage.total)}`
}
