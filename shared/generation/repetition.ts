/** So much of the end of an answer is looked at, UTF-16 units. */
const tailLength = 4000
/** Looked at again after so much more text, UTF-16 units. */
const stride = 80
/** Less may be meant: a refrain, rows of a table, a line of code. */
const minLength = 500
const timesShort = 8
/** A passage of this length is not meant to be said four times. */
const longPeriod = 100
const timesLong = 4

/**
 * Tells when an answer only repeats its end, word for word, as small models do until their last token. Text
 * without letters (figures, rules) is left alone.
 */
export class RepetitionWatch {
  #tail = ''
  #unseen = 0

  /** True once the text so far ends in the same passage many times over. */
  push(text: string): boolean {
    this.#tail = (this.#tail + text).slice(-tailLength)
    this.#unseen += text.length
    if (this.#unseen < stride || this.#tail.length < minLength) return false
    this.#unseen = 0
    return endsInRepetition(this.#tail)
  }
}

/**
 * Whether `text` ends in one passage said 8 times or more (4 times where it has 100 characters or more), 500
 * characters in all. Knuth, Morris and Pratt's failure function of the reversed text: a border of length b of
 * its first n characters says that these have the period n − b.
 */
function endsInRepetition(text: string): boolean {
  const last = text.length - 1
  const border = new Uint16Array(text.length)
  for (let n = 1, b = 0; n < text.length; n++) {
    while (b > 0 && text[last - n] !== text[last - b]) b = border[b - 1]!
    if (text[last - n] === text[last - b]) b++
    border[n] = b
    const length = n + 1
    const period = length - b
    const times = period < longPeriod ? timesShort : timesLong
    if (length >= minLength && length >= period * times)
      return /\p{L}/u.test(text.slice(text.length - period))
  }
  return false
}
