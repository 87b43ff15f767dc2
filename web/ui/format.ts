import type { Language } from '#shared/errors/silo-error.ts'
import { language } from './i18n.svelte.ts'

export { formatBytes } from '#shared/domain/byte-size.ts'

const locale = (tongue: Language) => (tongue === 'zh' ? 'zh-CN' : 'en')

/** A whole number with the grouping of the language: `12,345`. */
export function formatCount(count: number): string {
  return new Intl.NumberFormat(locale(language.current)).format(count)
}

/** A short number for meters: `950`, `41.2k`, `128k`, `1.5M`. */
export function formatShort(count: number): string {
  if (count < 1000) return String(Math.round(count))
  return count < 999_500 ? shorten(count / 1000, 'k') : shorten(count / 1_000_000, 'M')
}

function shorten(value: number, unit: string): string {
  return `${value >= 100 ? Math.round(value) : value.toFixed(1).replace(/\.0$/, '')}${unit}`
}

/** A share as a percentage: 0.254 → `25%`. */
export function formatPercent(share: number): string {
  return `${Math.round(share * 100)}%`
}

/** Tokens per second: `24.1 tok/s`; empty where nothing was measured. */
export function formatTokenRate(tokens: number, ms: number): string {
  if (ms <= 0 || tokens <= 0) return ''
  const rate = tokens / (ms / 1000)
  return `${rate >= 100 ? Math.round(rate) : rate.toFixed(1)} tok/s`
}

/** The speed of an answer. The time counts from its first token, which therefore is not in the rate. */
export function decodeRate(usage: { completionTokens: number; decodeMs: number }): string {
  return formatTokenRate(usage.completionTokens - 1, usage.decodeMs)
}

/** How long something took: `120 ms`, `4.2 s`, `3 min 20 s`, `2 h 5 min`. */
export function formatDuration(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`
  const zh = language.current === 'zh'
  const seconds = Math.round(ms / 1000)
  const [h, min, s] = zh ? ['小时', '分', '秒'] : ['h', 'min', 's']
  if (seconds < 3600) return `${Math.floor(seconds / 60)} ${min} ${seconds % 60} ${s}`
  return `${Math.floor(seconds / 3600)} ${h} ${Math.floor((seconds % 3600) / 60)} ${min}`
}

/** Date and time: `23 Nov 2026, 01:20`. */
export function formatDateTime(at: number): string {
  return new Intl.DateTimeFormat(locale(language.current), {
    dateStyle: 'medium',
    timeStyle: 'short',
    hourCycle: 'h23',
  }).format(at)
}

/** Today the time, this year the day, else the date. */
export function formatWhen(at: number, now: number = Date.now()): string {
  const day = new Date(at)
  const today = new Date(now)
  const format = (options: Intl.DateTimeFormatOptions) =>
    new Intl.DateTimeFormat(locale(language.current), options).format(at)
  if (day.toDateString() === today.toDateString())
    return format({ hour: '2-digit', minute: '2-digit', hourCycle: 'h23' })
  if (day.getFullYear() === today.getFullYear()) return format({ month: 'short', day: 'numeric' })
  return format({ year: 'numeric', month: '2-digit', day: '2-digit' })
}
