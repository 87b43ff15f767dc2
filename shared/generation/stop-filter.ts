/** Cuts the text at the first stop string and never lets a part of one through. */
export class StopFilter {
  readonly #stops: readonly string[]
  #held = ''
  /** True once a stop string was seen; later text is dropped. */
  stopped = false

  constructor(stops: readonly string[]) {
    this.#stops = stops.filter((stop) => stop.length > 0)
  }

  push(text: string): string {
    if (this.stopped) return ''
    if (this.#stops.length === 0) return text
    const all = this.#held + text
    const found = this.#stops.map((stop) => all.indexOf(stop)).filter((index) => index >= 0)
    if (found.length > 0) {
      this.stopped = true
      this.#held = ''
      return all.slice(0, Math.min(...found))
    }
    const hold = Math.max(...this.#stops.map((stop) => partialMatch(all, stop)))
    this.#held = all.slice(all.length - hold)
    return all.slice(0, all.length - hold)
  }

  flush(): string {
    const rest = this.#held
    this.#held = ''
    return this.stopped ? '' : rest
  }
}

/** Length of the longest end of `text` that begins `word`. */
export function partialMatch(text: string, word: string): number {
  for (let length = Math.min(text.length, word.length - 1); length > 0; length--) {
    if (text.endsWith(word.slice(0, length))) return length
  }
  return 0
}
