const digits = '零壹贰叁肆伍陆柒捌玖'
const units: Readonly<Record<string, number>> = { 拾: 10, 佰: 100, 仟: 1000 }
const amount = /[壹贰叁肆伍陆柒捌玖拾][零壹贰叁肆伍陆柒捌玖拾佰仟万亿]*[圆元](?:[零壹贰叁肆伍陆柒捌玖]角)?(?:[零壹贰叁肆伍陆柒捌玖]分|整|正)?/ // prettier-ignore

/** An amount in the characters of cheques, 捌仟捌佰壹拾叁圆捌角贰分 → 8813.82; undefined where a line has none. */
export function spelledAmount(line: string): number | undefined {
  const found = amount.exec(line.replace(/\s+/g, ''))?.[0]
  if (!found) return undefined
  const [whole = '', rest = ''] = found.split(/[圆元]/)
  let sum = 0
  let group = 0
  let digit = 0
  for (const character of whole) {
    const value = digits.indexOf(character)
    if (value >= 0) digit = value
    else if (units[character]) {
      // 拾 alone is ten.
      group += (digit || (character === '拾' && group === 0 ? 1 : 0)) * units[character]!
      digit = 0
    } else {
      if (character === '亿') sum = (sum + group + digit) * 1e8
      else sum += (group + digit) * 1e4
      group = digit = 0
    }
  }
  const part = (unit: string): number => Math.max(0, digits.indexOf(new RegExp(`(.)${unit}`).exec(rest)?.[1] ?? '零')) // prettier-ignore
  return Number((sum + group + digit + part('角') / 10 + part('分') / 100).toFixed(2))
}
