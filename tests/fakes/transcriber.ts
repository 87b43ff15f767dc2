import { setTimeout as wait } from 'node:timers/promises'
import type { Transcriber, Transcript, TranscribeOptions } from '#shared/contracts/transcriber.ts'
import { SiloError } from '#shared/errors/silo-error.ts'
import { spoken, speechSamples, type Spoken } from '#tests/speech.ts'

export interface FakeTranscriberOptions {
  /** Milliseconds one utterance takes. */
  readonly takesMs?: number
  readonly available?: boolean
  readonly missing?: boolean
}

/** Knows the fixtures by their length, and hears nothing in anything else. */
export function createFakeTranscriber(options: FakeTranscriberOptions = {}): Transcriber {
  const known = (Object.keys(spoken) as Spoken[]).map((language) => ({
    language,
    length: speechSamples(language).length,
  }))
  let turn: Promise<unknown> = Promise.resolve()

  async function hear(audio: Float32Array, { language, signal }: TranscribeOptions) {
    await wait(options.takesMs ?? 5, undefined, { signal }).catch(() => {})
    signal.throwIfAborted()
    const fixture = known.find(({ length }) => length === audio.length)
    if (!fixture) return { text: '', language: language ?? 'und', segments: [] }
    const text = spoken[fixture.language]
    const endMs = Math.round(audio.length / 16)
    return { text, language: fixture.language, segments: [{ startMs: 0, endMs, text }] }
  }

  return {
    specVersion: 1,
    id: 'fake',
    async probe() {
      const available = options.available ?? true
      return available ? { available } : { available, reason: 'the fake says no' }
    },
    async transcribe(audio, request): Promise<Transcript> {
      request.signal.throwIfAborted()
      if (options.missing) throw new SiloError('speech_model_missing')
      const mine = turn.then(() => hear(audio, request))
      turn = mine.catch(() => {})
      return mine
    },
    async [Symbol.asyncDispose]() {},
  }
}
