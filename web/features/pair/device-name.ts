import { translator } from '#web/ui/i18n.svelte.ts'

const t = translator({
  en: { phone: 'Android phone', tablet: 'Android tablet', windows: 'Windows PC', linux: 'Linux PC', chromebook: 'Chromebook', other: 'Browser' }, // prettier-ignore
  zh: { phone: '安卓手机', tablet: '安卓平板', windows: 'Windows 电脑', linux: 'Linux 电脑', chromebook: 'Chromebook', other: '浏览器' }, // prettier-ignore
})

export interface Browser {
  readonly userAgent: string
  /** More than one on iPads, which say they are Macs. */
  readonly touchPoints: number
}

/** What this device says it is: `Android · Chrome`. */
export function platformOf(browser: Browser): string {
  return [systemOf(browser), browserOf(browser.userAgent)].filter(Boolean).join(' · ')
}

/** A name to begin with; `model` is what the browser tells of the device, e.g. `Pixel 9`. */
export function nameOf(browser: Browser, model?: string): string {
  if (model) return model
  const system = systemOf(browser)
  if (system === 'Android') return t(/mobile/i.test(browser.userAgent) ? 'phone' : 'tablet')
  if (system === 'Windows') return t('windows')
  if (system === 'Linux') return t('linux')
  if (system === 'ChromeOS') return t('chromebook')
  if (system === 'macOS') return 'Mac'
  return system || t('other')
}

/** iPhones and iPads keep what an installed app stores apart from the browser's. */
export function isApple(browser: Browser): boolean {
  return ['iPhone', 'iPad'].includes(systemOf(browser))
}

export function thisBrowser(): Browser {
  return { userAgent: navigator.userAgent, touchPoints: navigator.maxTouchPoints }
}

interface ClientHints {
  getHighEntropyValues(hints: string[]): Promise<{ model?: string }>
}

/** The device's model, where the browser tells it. */
export async function deviceModel(): Promise<string | undefined> {
  const hints = (navigator as Navigator & { userAgentData?: ClientHints }).userAgentData
  const told = await hints?.getHighEntropyValues(['model']).catch(() => undefined)
  return told?.model || undefined
}

function systemOf({ userAgent, touchPoints }: Browser): string {
  if (/iPhone|iPod/.test(userAgent)) return 'iPhone'
  if (/iPad/.test(userAgent)) return 'iPad'
  if (/Android/.test(userAgent)) return 'Android'
  if (/CrOS/.test(userAgent)) return 'ChromeOS'
  if (/Macintosh/.test(userAgent)) return touchPoints > 1 ? 'iPad' : 'macOS'
  if (/Windows/.test(userAgent)) return 'Windows'
  return /Linux/.test(userAgent) ? 'Linux' : ''
}

function browserOf(userAgent: string): string {
  // In this order: each of them also names those below it.
  const names = [
    ['Edge', /Edg(A|iOS)?\//],
    ['Samsung Internet', /SamsungBrowser\//],
    ['Opera', /OPR\//],
    ['Firefox', /Firefox\/|FxiOS\//],
    ['Chrome', /Chrome\/|CriOS\//],
    ['Safari', /Safari\//],
  ] as const
  return names.find(([, pattern]) => pattern.test(userAgent))?.[0] ?? ''
}
