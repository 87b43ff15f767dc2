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
