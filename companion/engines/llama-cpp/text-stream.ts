import type { AddonModel } from './addon.ts'

/** Turns tokens into text so that no piece ends inside a character. */
export class Detokenizer {
  readonly #model: Pick<AddonModel, 'detokenize'>
  #context: number[] = []
  #contextText = ''
  #pending: number[] = []

  constructor(model: Pick<AddonModel, 'detokenize'>) {
    this.#model = model
  }

  /** The text that `token` completes; empty while a character is unfinished. */
  push(token: number): string {
    this.#pending.push(token)
    const text = this.#decode()
    // A broken character ends in U+FFFD; four tokens hold any character, so what remains is the model's own.
    if (text.endsWith('\uFFFD') && this.#pending.length < 5) return ''
    return this.#accept(text)
  }

  /** What is left at the end of the answer. */
  flush(): string {
    if (this.#pending.length === 0) return ''
    return this.#accept(this.#decode().replace(/\uFFFD+$/, ''))
  }

  #decode(): string {
    const all = this.#model.detokenize(Uint32Array.from([...this.#context, ...this.#pending]))
    return all.slice(this.#contextText.length)
  }

  // The last tokens stay as context: some tokenizers drop a leading space of what they decode first.
  #accept(text: string): string {
    this.#context = this.#pending.slice(-2)
    this.#contextText = this.#model.detokenize(Uint32Array.from(this.#context))
    this.#pending = []
    return text
  }
}

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
