import type { RecognizedLine } from '#shared/contracts/text-recognizer.ts'
import { settle, valueOf, type Figure } from './arithmetic.ts'

/** Two readings of the same line. `second` is absent where it was not asked. */
export interface Readings {
  readonly first: RecognizedLine
  readonly second?: RecognizedLine
}

const han = /[\u2e80-\u9fff]/
const latin = /[A-Za-z]/
const number = /[-+]?\d[\d,.']*\d%?|\d%?/g
/** Below this a recogniser is guessing. */
const guess = 0.6
/** How a line counts where the two could not be brought together. */
const doubted = 0.3

/** Whether the second recogniser could know better: it is good at letters and figures, not at Chinese. */
export function isWorthASecondLook(line: RecognizedLine): boolean {
  return /[\dA-Za-z]/.test(line.text) || line.certainty < guess
}

/**
 * One text of two: Chinese as the first reads it, Latin words with the spaces of the second, and figures as they
 * add up. Lines with a figure that remains in doubt say so by their certainty.
 */
export function agreed(readings: readonly Readings[]): RecognizedLine[] {
  const drafts = readings.map(draftOf)
  const figures: Figure[] = []
  for (const draft of drafts) draft.at = figures.push(...draft.figures) - draft.figures.length
  const settled = settle(figures)
  return drafts.map(({ line, figures: own, at }) => {
    let index = at
    let certain = true
    const text = line.text.replace(number, (whole) => {
      const figure = settled[index++]
      if (!figure) return whole
      certain &&= figure.certain
      return figure.reading
    })
    return own.length === 0 || certain ? { ...line, text } : { ...line, text, certainty: Math.min(line.certainty, doubted) } // prettier-ignore
  })
}

interface Draft {
  readonly line: RecognizedLine
  /** One for each number in the text of the line, in order. */
  readonly figures: readonly Figure[]
  /** Of its first figure among all. */
  at: number
}

function draftOf({ first, second }: Readings): Draft {
  const line = basis(first, second)
  const other = line === first ? second : first
  const own = line.text.match(number) ?? []
  const others = other?.text.match(number) ?? []
  const comparable = other !== undefined && own.length === others.length
  const width = line.region.width / Math.max(1, line.text.length)
  const figures = [...line.text.matchAll(number)].map(([text, ...rest], index): Figure => {
    void rest
    const from = line.text.indexOf(text)
    const rival = comparable ? others[index] : undefined
    const differs = rival !== undefined && rival !== text && plausible(rival)
    // Where in a line a figure stands is only known by its share of the letters.
    const region = own.length === 1 && text === line.text ? line.region : { ...line.region, x: line.region.x + from * width, width: text.length * width } // prettier-ignore
    return { region, readings: differs ? [text, rival] : [text] }
  })
  return { line, figures, at: 0 }
}

/** The reading that stands where there is no doubt about figures. */
function basis(first: RecognizedLine, second: RecognizedLine | undefined): RecognizedLine {
  if (!second?.text) return first
  if (!first.text) return second
  const chinese = han.test(first.text) || (han.test(second.text) && first.certainty > guess)
  if (chinese) return first
  // Latin letters and figures only.
  const better = second.certainty >= 0.75 && !han.test(second.text) && similar(first.text, second.text) // prettier-ignore
  if (latin.test(first.text) || latin.test(second.text)) return better ? second : first
  // Figures alone: the surer one comes first; arithmetic has the last word.
  return better && second.certainty > first.certainty ? second : first
}

function plausible(text: string): boolean {
  return valueOf(text) !== undefined || /^\d/.test(text)
}

/** Apart from spaces at most a third of the letters differ. */
function similar(a: string, b: string): boolean {
  const left = a.replace(/\s/g, '')
  const right = b.replace(/\s/g, '')
  const longer = Math.max(left.length, right.length)
  if (Math.abs(left.length - right.length) > longer / 3) return false
  let row = Array.from({ length: right.length + 1 }, (_, index) => index)
  for (const [i, char] of [...left].entries()) {
    const next = [i + 1]
    for (let j = 0; j < right.length; j++)
      next.push(Math.min(row[j]! + (char === right[j] ? 0 : 1), row[j + 1]! + 1, next[j]! + 1))
    row = next
  }
  return row.at(-1)! <= longer / 3
}
