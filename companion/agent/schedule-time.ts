import type { Schedule } from '#shared/protocol/agent.ts'

/** When a schedule is due next after `after`, ms since 1970, in the machine's time zone. */
export function nextTime({ days, hour, minute }: Schedule['at'], after: number): number {
  const from = new Date(after)
  for (let ahead = 0; ahead <= 8; ahead++) {
    // By the calendar: a day may have 23 or 25 hours.
    const at = new Date(from.getFullYear(), from.getMonth(), from.getDate() + ahead, hour, minute)
    if (at.getTime() > after && (days.length === 0 || days.includes(at.getDay()))) return at.getTime() // prettier-ignore
  }
  throw new Error('a schedule that is never due')
}
