import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Transcriber } from '#shared/contracts/transcriber.ts'
import { noise, speechSamples, spoken, understood } from '#tests/speech.ts'

/** Real recognition on a busy machine. */
const patience = 170_000

const signal = (): AbortSignal => new AbortController().signal

/** Every Transcriber has to pass. `missing` opens one whose model is not there. */
export function transcriberContract(
  name: string,
  open: () => Promise<Transcriber>,
  missing: () => Promise<Transcriber>,
): void {
  describe(`${name} as a transcriber`, () => {
    let transcriber: Transcriber
    beforeAll(async () => {
      transcriber = await open()
    })
    afterAll(() => transcriber[Symbol.asyncDispose]())

    it('says that it can run', async () => {
      expect(await transcriber.probe(signal())).toEqual({ available: true })
      expect(transcriber.specVersion).toBe(1)
    })

    for (const language of ['en', 'zh'] as const)
      it(`understands ${language}`, { timeout: patience }, async () => {
        const audio = speechSamples(language)
        const heard = await transcriber.transcribe(audio, { language, signal: signal() })
        expect(understood(spoken[language], heard.text), heard.text).toBeGreaterThanOrEqual(0.7)
        expect(heard.language).toBe(language)
        expect(heard.text).toBe(heard.text.trim())
        expect(heard.segments.length).toBeGreaterThan(0)
        const length = Math.round(audio.length / 16)
        for (const { startMs, endMs, text } of heard.segments) {
          expect(startMs).toBeGreaterThanOrEqual(0)
          expect(endMs).toBeGreaterThanOrEqual(startMs)
          expect(endMs).toBeLessThanOrEqual(length)
          expect(heard.text).toContain(text)
        }
      })

    it('recognises the language where none is named', { timeout: patience }, async () => {
      const heard = await transcriber.transcribe(speechSamples('zh'), { signal: signal() })
      expect(heard.language).toBe('zh')
      expect(heard.text).toMatch(/[\u4e00-\u9fff]/)
    })

    it('hears nothing in silence, noise and a moment', { timeout: patience }, async () => {
      const sounds = [new Float32Array(32_000), noise(3, 0.001), noise(3, 0.3), noise(0.05, 0.5)]
      for (const audio of [...sounds, new Float32Array(0)]) {
        const heard = await transcriber.transcribe(audio, { language: 'en', signal: signal() })
        expect(heard).toEqual({ text: '', language: 'en', segments: [] })
      }
      const unasked = await transcriber.transcribe(new Float32Array(9000), { signal: signal() })
      expect(unasked.language).toBe('und')
    })

    it(
      'stops with the reason of the signal, at once and later',
      { timeout: patience },
      async () => {
        const reason = new Error('enough')
        const options = { language: 'en', signal: AbortSignal.abort(reason) } as const
        await expect(transcriber.transcribe(speechSamples('en'), options)).rejects.toBe(reason)

        const controller = new AbortController()
        const running = transcriber.transcribe(speechSamples('en'), {
          language: 'en',
          signal: controller.signal,
        })
        const after = transcriber.transcribe(speechSamples('zh'), {
          language: 'zh',
          signal: signal(),
        })
        setImmediate(() => controller.abort(reason))
        await expect(running).rejects.toBe(reason)
        // Who waited behind it is served.
        const heard = await after
        expect(understood(spoken.zh, heard.text), heard.text).toBeGreaterThanOrEqual(0.7)
      },
    )

    it('says that its model is missing', async () => {
      const without = await missing()
      await expect(
        without.transcribe(speechSamples('en'), { signal: signal() }),
      ).rejects.toMatchObject({ code: 'speech_model_missing' })
      await without[Symbol.asyncDispose]()
    })
  })
}
