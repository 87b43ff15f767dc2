const units = ['B', 'kB', 'MB', 'GB', 'TB']

/** Bytes with a decimal unit, the same in all languages: `491 MB`, `73.6 MB`, `512 B`. */
export function formatBytes(bytes: number): string {
  let value = bytes
  let unit = 0
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000
    unit++
  }
  const digits = unit === 0 || value >= 100 ? 0 : 1
  return `${value.toFixed(digits)} ${units[unit]}`
}
