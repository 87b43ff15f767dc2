import { setTimeout as wait } from 'node:timers/promises'
import type { Picture, RecognizedLine, TextRecognizer } from '#shared/contracts/text-recognizer.ts'
import { SiloError } from '#shared/errors/silo-error.ts'

export interface FakeRecognizerOptions {
  /** What stands on a page. */
  readonly lines: (picture: Picture) => readonly RecognizedLine[]
  readonly available?: boolean
  readonly takesMs?: number
}

/** Knows what stands on the pages it is told about. */
export function createFakeRecognizer(options: FakeRecognizerOptions): TextRecognizer {
  let turn: Promise<unknown> = Promise.resolve()
  return {
    specVersion: 1,
    id: 'fake',
    async probe() {
      const available = options.available ?? true
      return available ? { available } : { available, reason: 'the fake says no' }
    },
    async recognize(picture, { signal, regions, turn: given }) {
      signal.throwIfAborted()
      if (picture.gray.length !== picture.width * picture.height) throw new SiloError('ocr_failed')
      const mine = turn.then(async () => {
        await wait(options.takesMs ?? 2, undefined, { signal }).catch(() => {})
        signal.throwIfAborted()
        const known = options.lines(picture)
        const lines = regions?.map((region): RecognizedLine =>
          known.find((line) => line.region.y < region.y + region.height && line.region.y + line.region.height > region.y && line.region.x < region.x + region.width && line.region.x + line.region.width > region.x) ?? { text: '', region, certainty: 0 }) // prettier-ignore
        return { lines: lines ?? known, turn: given ?? { quarters: 0 as const, angle: 0 } }
      })
      turn = mine.catch(() => {})
      return mine
    },
    async [Symbol.asyncDispose]() {},
  }
}
