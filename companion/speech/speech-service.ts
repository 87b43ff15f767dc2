import type { SpeechLanguage, Transcriber, Transcript } from '#shared/contracts/transcriber.ts'
import type { ModelState } from '#shared/domain/model.ts'
import { SiloError } from '#shared/errors/silo-error.ts'
import type { SpeechState } from '#shared/protocol/speech.ts'
import { parseWav } from './wav.ts'

/** Recordings in memory at once, each up to 20 MB and heard one after the other. */
const most = 4

/** What the gateway knows of speech: a recogniser and the model it would use. */
export class SpeechService {
  readonly #transcriber: Transcriber
  readonly #model: () => ModelState | undefined
  #here = 0

  constructor(transcriber: Transcriber, model: () => ModelState | undefined) {
    this.#transcriber = transcriber
    this.#model = model
  }

  async state(signal: AbortSignal): Promise<SpeechState> {
    const { available, reason } = await this.#transcriber.probe(signal)
    const model = this.#model()
    return {
      available,
      reason: reason ?? null,
      modelId: model?.entry.id ?? null,
      modelName: model?.entry.name ?? null,
      modelSize: model?.entry.size ?? 0,
      installed: model?.installed ?? false,
      downloadRunId: model?.downloadRunId ?? null,
    }
  }

  /**
   * Reads a WAV file and writes down what is said in it.
   * @throws SiloError conflict (too many at once), bad_request, body_too_large, and what the recogniser throws
   */
  async transcribe(
    read: () => Promise<Uint8Array>,
    options: { language: SpeechLanguage | undefined; signal: AbortSignal },
  ): Promise<{ transcript: Transcript; samples: number }> {
    if (this.#here >= most)
      throw new SiloError('conflict', { params: { detail: 'too many recordings at once' } })
    this.#here += 1
    try {
      const audio = parseWav(await read())
      const { language, signal } = options
      const transcript = await this.#transcriber.transcribe(audio, {
        signal,
        ...(language === undefined ? {} : { language }),
      })
      return { transcript, samples: audio.length }
    } finally {
      this.#here -= 1
    }
  }
}
