import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { ModelLibrary } from '#companion/models/library.ts'
import type { Log } from '#companion/observe/log.ts'
import { SpeechService } from '#companion/speech/speech-service.ts'
import { createWhisperTranscriber } from '#companion/speech/whisper.ts'
import type { Transcriber } from '#shared/contracts/transcriber.ts'
import { SiloError } from '#shared/errors/silo-error.ts'

interface Parts {
  /** Where the models lie. */
  readonly directory: string
  readonly library: ModelLibrary
  readonly threads: number | undefined
  readonly log: Log
  /** Instead of whisper.cpp, in tests. */
  readonly transcriber?: Transcriber | undefined
}

/** Speech recognition over the speech models of the library. */
export function composeSpeech({ directory, library, threads, log, ...given }: Parts) {
  const derived = join(directory, '.derived')
  /** The best model that is here; else the first one, to be fetched. */
  const chosen = () => {
    const models = library.list().filter(({ entry }) => entry.task === 'speech')
    const here = models
      .filter(({ installed }) => installed)
      .toSorted((a, b) => b.entry.parameters - a.entry.parameters)
    return here[0] ?? models[0]
  }
  const whisper = createWhisperTranscriber({
    async model(signal) {
      const model = chosen()
      if (!model?.installed) throw new SiloError('speech_model_missing')
      return (await library.resolve(model.entry.id, 'speech', signal)).path
    },
    directory: derived,
    log: log.child({ part: 'speech' }),
    ...(threads === undefined ? {} : { threads }),
  })
  const transcriber = given.transcriber ?? whisper
  return {
    service: new SpeechService(transcriber, chosen),
    /** Before a model's file is deleted. */
    async forget(modelId: string): Promise<void> {
      if (chosen()?.entry.id !== modelId) return
      await whisper.unload()
      await rm(derived, { recursive: true, force: true })
    },
    async [Symbol.asyncDispose](): Promise<void> {
      await whisper[Symbol.asyncDispose]()
      await given.transcriber?.[Symbol.asyncDispose]()
    },
  }
}
