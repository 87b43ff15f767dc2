import type { Schedule } from '#shared/protocol/agent.ts'
import { language } from '#web/ui/i18n.svelte.ts'
import { t } from './settings-texts.ts'

/** Names of the days of the week, Sunday first, as short or long as asked. */
export function dayNames(weekday: 'short' | 'long'): string[] {
  const format = new Intl.DateTimeFormat(language.current === 'zh' ? 'zh-CN' : 'en', {
    weekday,
    timeZone: 'UTC',
  })
  // 4 January 1970 was a Sunday.
  return Array.from({ length: 7 }, (_, day) => format.format(Date.UTC(1970, 0, 4 + day)))
}

/** `every Friday 17:00`. */
export function scheduleText({ days, hour, minute }: Schedule['at']): string {
  const time = `${String(hour).padStart(2, '0')}:${String(minute).padStart(2, '0')}`
  const chosen = [...new Set(days)].toSorted((a, b) => ((a + 6) % 7) - ((b + 6) % 7))
  if (chosen.length === 0 || chosen.length === 7) return `${t('everyDay')} ${time}`
  const names = dayNames(chosen.length > 1 ? 'short' : 'long')
  const listed = chosen.map((day) => names[day]).join(language.current === 'zh' ? '、' : ', ')
  return `${t('every', { days: listed })} ${time}`
}
