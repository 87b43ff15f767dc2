export interface KnownOwner {
  readonly id: string
  /** As the device is called: "Anna's laptop", "张伟的电脑", "B". */
  readonly name: string
}

export interface OwnerExpression {
  readonly start: number
  readonly end: number
  readonly owner: KnownOwner
}

/** Stands where words are already taken. */
const gap = '\uFFFC'

/**
 * Where a query names one of the owners as the one something is from: "from B", "B's", "B的", "来自B". A name alone is
 * not enough: it may be what is asked about. Longer names go first.
 */
export function ownerExpressions(query: string, owners: readonly KnownOwner[]): OwnerExpression[] {
  const named = owners
    .flatMap((owner) => aliasesOf(owner.name).map((alias) => ({ owner, alias })))
    .sort((a, b) => b.alias.length - a.alias.length)
  const found: OwnerExpression[] = []
  for (const { owner, alias } of named) {
    const name = escape(alias)
    // A name of one or two letters must be written as it is; "b's" is no device.
    const flags = alias.length < 3 ? 'gu' : 'giu'
    const latin = /^[\p{Script=Latin}\p{N}]/u.test(alias)
    const left = latin ? '(?<![\\p{Script=Latin}\\p{N}])' : ''
    const right = /[\p{Script=Latin}\p{N}]$/u.test(alias) ? '(?![\\p{Script=Latin}\\p{N}])' : ''
    const patterns = [
      `(?<![\\p{L}])(?:[Ff]rom|[Bb]y|[Oo]f|[Oo]n|[Aa]t|[Ww]ith)\\s+${name}${right}(?:['’]s(?=\\s*[?.!]?$))?`,
      `${left}${name}${right}['’]s(?=\\s)`,
      `来自\\s*${name}(?:的|那里的|那边的)?`,
      `(?:从|在)\\s*${name}\\s*(?:那里|那边|的?设备上|的?电脑上|的?电脑里|处)(?:的)?`,
      `${left}${name}\\s*(?:那里|那边|手上|电脑上|电脑里|写|发|上传|给|有)?的`,
      // Between a name and what is its, a time: B上周的合同. The time stays out of the words of the owner.
      `${left}${name}(?=\\s*${gap}+\\s*的)`,
      `${left}${name}(?=\\s*(?:有没有|那里有|那边有))`,
    ]
    for (const pattern of patterns)
      for (const match of query.matchAll(new RegExp(pattern, flags))) {
        const [start, end] = [match.index, match.index + match[0].length]
        if (!found.some((other) => start < other.end && other.start < end))
          found.push({ start, end, owner })
      }
  }
  return found.sort((a, b) => a.start - b.start)
}

/** "Anna's laptop" is also Anna, "张伟的电脑" also 张伟. */
function aliasesOf(name: string): string[] {
  const trimmed = name.trim()
  const person = /^(.+?)(?:['’]s\s+\S.*|的.+)$/u.exec(trimmed)?.[1]
  return [...new Set([trimmed, ...(person ? [person] : [])])].filter((alias) => alias !== '')
}

function escape(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/-]/g, (character) => `\\${character}`)
}
