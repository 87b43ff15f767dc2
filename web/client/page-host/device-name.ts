const systems: readonly (readonly [pattern: RegExp, name: string])[] = [
  [/iPhone/, 'iPhone'],
  [/iPad/, 'iPad'],
  [/Android/, 'Android'],
  [/Mac OS X|Macintosh/, 'Mac'],
  [/Windows/, 'Windows'],
  [/CrOS/, 'ChromeOS'],
  [/Linux/, 'Linux'],
]
const browsers: readonly (readonly [pattern: RegExp, name: string])[] = [
  [/Edg\//, 'Edge'],
  [/Firefox\//, 'Firefox'],
  [/Chrom(e|ium)\//, 'Chrome'],
  [/Safari\//, 'Safari'],
]

/** What this device is called where its answers are shown on another one: `Android · Chrome`. */
export function deviceName(userAgent: string = navigator.userAgent): string {
  const first = (list: typeof systems) => list.find(([pattern]) => pattern.test(userAgent))?.[1]
  return [first(systems), first(browsers)].filter(Boolean).join(' · ') || 'Browser'
}
