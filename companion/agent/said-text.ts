/**
 * The answer of a task. After a restart the task says again what it had said: that is recognised and not said twice.
 */
export class SaidText {
  readonly #before: string
  readonly #emit: (text: string) => void
  #at = 0
  #text: string

  constructor(before: string, emit: (text: string) => void) {
    this.#before = before
    this.#text = before
    this.#emit = emit
  }

  get text(): string {
    return this.#text
  }

  say(text: string): void {
    let fresh = text
    const rest = this.#before.slice(this.#at)
    if (rest !== '') {
      if (rest.startsWith(text)) {
        this.#at += text.length
        return
      }
      this.#at = this.#before.length
      // What was being written when the process died may come out differently now.
      fresh = text.startsWith(rest) ? text.slice(rest.length) : `\n\n${text}`
    }
    if (fresh === '') return
    this.#text += fresh
    this.#emit(fresh)
  }
}
