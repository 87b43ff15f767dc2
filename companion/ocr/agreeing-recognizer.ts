import type { Picture, RecognizedPage, RecognizeOptions, TextRecognizer } from '#shared/contracts/text-recognizer.ts' // prettier-ignore
import { agreed, isWorthASecondLook, type Readings } from './agreement.ts'

/** Lines of one page the second recogniser looks at; a page of more is no invoice. */
const mostLines = 150

/**
 * Two recognisers as one: the first finds the lines and reads them, the second looks again at letters and
 * figures. Where one of them cannot run on this machine, the other works alone.
 */
export class AgreeingRecognizer implements TextRecognizer {
  readonly specVersion = 1
  readonly id = 'agreed'
  readonly #first: TextRecognizer
  readonly #second: TextRecognizer
  #usable: Promise<readonly TextRecognizer[]> | undefined

  /** It owns both, and disposes of them. */
  constructor(first: TextRecognizer, second: TextRecognizer) {
    this.#first = first
    this.#second = second
  }

  async probe(signal: AbortSignal): Promise<{ available: boolean; reason?: string }> {
    const answers = [await this.#first.probe(signal), await this.#second.probe(signal)]
    return answers.find(({ available }) => available) ?? answers[0]!
  }

  async recognize(picture: Picture, options: RecognizeOptions): Promise<RecognizedPage> {
    options.signal.throwIfAborted()
    const [finder = this.#first, checker] = await this.#both()
    const page = await finder.recognize(picture, options)
    const { lines, turn } = page
    const wanted = lines.filter(isWorthASecondLook).slice(0, mostLines)
    if (!checker || wanted.length === 0) return page
    const { signal } = options
    const again = await checker.recognize(picture, { signal, turn, regions: wanted.map(({ region }) => region) }) // prettier-ignore
    const second = new Map(wanted.map((line, index) => [line, again.lines[index]]))
    const readings = lines.map((first): Readings => {
      const other = second.get(first)
      return other ? { first, second: other } : { first }
    })
    return { lines: agreed(readings), turn }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.#first[Symbol.asyncDispose](), this.#second[Symbol.asyncDispose]()])
  }

  #both(): Promise<readonly TextRecognizer[]> {
    // What the machine can run does not depend on who asks first, nor on whether they still wait.
    return (this.#usable ??= (async () => {
      const { signal } = new AbortController()
      const answers = await Promise.all([this.#first.probe(signal), this.#second.probe(signal)])
      return [this.#first, this.#second].filter((_, index) => answers[index]?.available)
    })())
  }
}
