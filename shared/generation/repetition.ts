/** What is taken for a repetition that has no end. Lengths are UTF-16 units. */
interface Bounds {
  /** All of it together. */
  readonly length: number
  /** How many times a passage must have been said. */
  readonly times: number
  /** The same of a passage of `longPeriod` or more. */
  readonly timesLong: number
}

/** So much of the end of an answer is looked at. */
const tailLength = 6000
/** Looked at again after so much more text. */
const stride = 80
const longPeriod = 100
/** Less may be meant: a refrain, rows of a table. */
const inProse: Bounds = { length: 500, times: 8, timesLong: 4 }
/** A board of 64 equal squares is code that is meant. */
const inCode: Bounds = { length: 4000, times: 40, timesLong: 8 }

/**
 * Tells when an answer only repeats its end, word for word, as small models do until their last token. Text
 * without letters (figures, rules) is left alone.
 */
export class RepetitionWatch {
  #tail = ''
  #unseen = 0
  #fences = 0

  /** True once the text so far ends in the same passage many times over. */
  push(text: string): boolean {
    // A fence may come in pieces.
    const before = this.#tail.slice(-2)
    this.#fences += countFences(before + text) - countFences(before)
    this.#tail = (this.#tail + text).slice(-tailLength)
    this.#unseen += text.length
    const bounds = this.#fences % 2 === 1 ? inCode : inProse
    if (this.#unseen < stride || this.#tail.length < bounds.length) return false
    this.#unseen = 0
    return endsInRepetition(this.#tail, bounds)
  }
}

function countFences(text: string): number {
  return text.split('```').length - 1
}

/**
 * Whether `text` ends in one passage, said as often and as long as the bounds say. Knuth, Morris and Pratt's failure function of the reversed text: a border of length b of
 * its first n characters says that these have the period n − b.
 */
function endsInRepetition(text: string, bounds: Bounds): boolean {
  const last = text.length - 1
  const border = new Uint16Array(text.length)
  for (let n = 1, b = 0; n < text.length; n++) {
    while (b > 0 && text[last - n] !== text[last - b]) b = border[b - 1]!
    if (text[last - n] === text[last - b]) b++
    border[n] = b
    const length = n + 1
    const period = length - b
    const times = period < longPeriod ? bounds.times : bounds.timesLong
    if (length >= bounds.length && length >= period * times)
      return /\p{L}/u.test(text.slice(text.length - period))
  }
  return false
}
