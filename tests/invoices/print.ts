import type { InvoiceFacts } from './facts.ts'

/** How one kind of invoice is printed. */
export interface Layout {
  readonly id: string
  readonly language: 'zh' | 'en'
  html(facts: InvoiceFacts): string
}

export const money = (value: number): string => value.toFixed(2)
export const us = (value: number): string =>
  value.toLocaleString('en-US', { minimumFractionDigits: 2 })
export const de = (value: number): string =>
  value.toLocaleString('de-DE', { minimumFractionDigits: 2 })
export const han = (date: string): string => {
  const [year, month, day] = date.split('-')
  return `${year}年${month}月${day}日`
}
const months = 'January February March April May June July August September October November December'.split(' ') // prettier-ignore
export const long = (date: string): string => {
  const [year, month, day] = date.split('-').map(Number)
  return `${months[month! - 1]} ${day}, ${year}`
}
export const british = (date: string): string => {
  const [year, month, day] = date.split('-').map(Number)
  return `${day} ${months[month! - 1]!.slice(0, 3)} ${year}`
}
export const dotted = (date: string): string => date.split('-').toReversed().join('.')

/** The amount in the characters of cheques. */
export function spelled(value: number): string {
  const digits = '零壹贰叁肆伍陆柒捌玖'
  const units = ['', '拾', '佰', '仟', '万', '拾', '佰']
  const [yuan, fen] = value.toFixed(2).split('.') as [string, string]
  const whole = [...yuan].map((digit, at) => digits[+digit]! + units[yuan.length - 1 - at]!).join('') // prettier-ignore
  return `${whole}圆${digits[+fen[0]!]}角${digits[+fen[1]!]}分`
}

export function page(font: string, body: string, style = ''): string {
  return `<!doctype html><meta charset="utf-8"><style>
  body { font: 13px/1.5 ${font}; margin: 48px; width: 698px; color: #111 }
  table { border-collapse: collapse; width: 100% } td, th { padding: 4px 6px; text-align: left; vertical-align: top }
  .lined td, .lined th { border: 1px solid #555 } .r { text-align: right } h1 { margin: 0 0 12px }
  .two { display: flex; justify-content: space-between; gap: 32px } .two > * { flex: 1 } ${style}</style>${body}`
}
export const rows = (facts: InvoiceFacts, write: (value: number) => string): string =>
  facts.items.map(({ what, quantity, price }) => `<tr><td>${what}</td><td class=r>${quantity}</td><td class=r>${write(price)}</td><td class=r>${write(quantity * price)}</td></tr>`).join('') // prettier-ignore

export const sans = '"Noto Sans CJK SC"'
export const serif = '"Noto Serif CJK SC"'
