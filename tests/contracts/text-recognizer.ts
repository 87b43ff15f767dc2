import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { RecognizedPage, TextRecognizer } from '#shared/contracts/text-recognizer.ts'
import { blankPicture, figures, loadScan } from '#tests/documents/scans.ts'

/** Real recognition on a busy machine. */
const patience = 170_000

const signal = (): AbortSignal => new AbortController().signal
const textOf = (page: RecognizedPage): string =>
  page.lines.map(({ text }) => text.replace(/\s/g, '')).join('\n')

export interface RecognizerTraits {
  /** Shares of the figures and words on an invoice it has to read at the least. */
  readonly figures: number
  readonly words: number
}

/** Every TextRecognizer has to pass. */
export function textRecognizerContract(
  name: string,
  traits: RecognizerTraits,
  open: () => Promise<TextRecognizer>,
): void {
  describe(`${name} as a text recogniser`, () => {
    let recognizer: TextRecognizer
    beforeAll(async () => {
      recognizer = await open()
    })
    afterAll(() => recognizer[Symbol.asyncDispose]())

    it('says that it can run', async () => {
      expect(await recognizer.probe(signal())).toEqual({ available: true })
      expect(recognizer.specVersion).toBe(1)
    })

    for (const language of ['en', 'zh'] as const)
      it(`reads an invoice (${language})`, { timeout: patience }, async () => {
        const { picture, words } = await loadScan(language)
        const page = await recognizer.recognize(picture, { signal: signal() })
        const text = textOf(page)
        const share = (wanted: readonly string[]): number =>
          wanted.filter((word) => text.includes(word.replace(/\s/g, ''))).length / wanted.length
        const { rows, totals } = figures(language)
        expect(share([...rows.flat(), ...totals]), text).toBeGreaterThanOrEqual(traits.figures)
        expect(share(words), text).toBeGreaterThanOrEqual(traits.words)
        for (const { text: line, region, certainty } of page.lines) {
          expect(line).toBe(line.trim())
          expect(certainty).toBeGreaterThanOrEqual(0)
          expect(certainty).toBeLessThanOrEqual(1)
          expect(region.width).toBeGreaterThan(0)
          expect(region.x + region.width).toBeLessThanOrEqual(picture.width * 1.05)
        }
      })

    it('reads only the regions asked for, in their order', { timeout: patience }, async () => {
      const { picture } = await loadScan('en')
      const whole = await recognizer.recognize(picture, { signal: signal() })
      const regions = [whole.lines.at(-1)!.region, whole.lines[0]!.region]
      const { lines } = await recognizer.recognize(picture, { signal: signal(), regions, turn: whole.turn }) // prettier-ignore
      expect(lines).toHaveLength(2)
      expect(lines[0]!.text.replace(/\s/g, '')).toMatch(/2020/)
      expect(lines[1]!.text).toMatch(/Kranich/)
      const none = await recognizer.recognize(picture, { signal: signal(), regions: [] })
      expect(none.lines).toEqual([])
    })

    it('reads nothing on an empty page', { timeout: patience }, async () => {
      const { lines } = await recognizer.recognize(blankPicture(600, 400), { signal: signal() })
      expect(lines).toEqual([])
    })

    it('refuses what is no picture', async () => {
      const broken = { width: 100, height: 100, gray: new Uint8Array(99) }
      await expect(recognizer.recognize(broken, { signal: signal() })).rejects.toMatchObject({ code: 'ocr_failed' }) // prettier-ignore
    })

    it(
      'stops with the reason of the signal, at once and later',
      { timeout: patience },
      async () => {
        const { picture } = await loadScan('en')
        const reason = new Error('enough')
        const options = { signal: AbortSignal.abort(reason) }
        await expect(recognizer.recognize(picture, options)).rejects.toBe(reason)
        const controller = new AbortController()
        const running = recognizer.recognize(picture, { signal: controller.signal })
        const after = recognizer.recognize(picture, { signal: signal() })
        setImmediate(() => controller.abort(reason))
        await expect(running).rejects.toBe(reason)
        // Who waited behind it is served.
        expect(textOf(await after)).toContain('Kranich')
      },
    )
  })
}
