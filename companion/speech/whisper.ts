import { createRequire } from 'node:module'
import { availableParallelism } from 'node:os'
import type { Log } from '#companion/observe/log.ts'
import type {
  SpeechLanguage,
  TranscribeOptions,
  Transcriber,
  Transcript,
} from '#shared/contracts/transcriber.ts'
import { speechSampleRate } from '#shared/protocol/speech.ts'
import { SiloError } from '#shared/errors/silo-error.ts'
import { SpeechChild } from './child.ts'
import { shortModel, shortSeconds } from './short-model.ts'
import { joined, wordsOf } from './transcript-text.ts'
import { mayHoldSpeech } from './voice-activity.ts'

export interface WhisperOptions {
  /** Path of the model file, checked. @throws SiloError speech_model_missing, model_corrupt */
  readonly model: (signal: AbortSignal) => Promise<string>
  /** Where derived forms of the model may lie. */
  readonly directory: string
  readonly log: Log
  readonly threads?: number
  /** Milliseconds after which an unused model leaves the memory; five minutes unless told. */
  readonly idleMs?: number
}

export interface WhisperTranscriber extends Transcriber {
  /** The child process, while there is one. */
  readonly pid: number | undefined
  /** Takes the model out of memory, e.g. before its file is deleted. */
  unload(): Promise<void>
}

/** Without an example Whisper mixes traditional characters in and leaves punctuation out. */
const prompts: Record<SpeechLanguage | 'auto', string> = {
  zh: '以下是普通话的记录，使用简体中文，标点齐全。这个问题说得对，让我们来谈谈时间与经济发展。',
  en: '',
  auto: '',
}
/** The binding cannot listen to less than this; shorter audio is followed by silence. Samples. */
const shortest = 1.5 * speechSampleRate
/** What an utterance may take: loading, and a slow machine that does other things too. */
const limitMs = (seconds: number): number => 180_000 + Math.ceil(seconds) * 15_000

/** whisper.cpp through @fugood/whisper.node, in a child process that comes with the first utterance. */
export function createWhisperTranscriber(options: WhisperOptions): WhisperTranscriber {
  return new Whisper(options)
}

class Whisper implements WhisperTranscriber {
  readonly specVersion = 1
  readonly id = 'whisper-cpp'
  readonly #options: WhisperOptions
  #child: SpeechChild | undefined
  #turn: Promise<unknown> = Promise.resolve()
  #idle: NodeJS.Timeout | undefined
  readonly #closed = new AbortController()

  constructor(options: WhisperOptions) {
    this.#options = options
  }

  get pid(): number | undefined {
    return this.#child?.gone ? undefined : this.#child?.pid
  }

  async probe(signal: AbortSignal): Promise<{ available: boolean; reason?: string }> {
    signal.throwIfAborted()
    const name = `@fugood/node-whisper-${process.platform}-${process.arch}`
    try {
      const binding = createRequire(import.meta.url).resolve('@fugood/whisper.node')
      createRequire(binding).resolve(name)
      return { available: true }
    } catch {
      return { available: false, reason: `${name} is not installed` }
    }
  }

  async transcribe(
    audio: Float32Array,
    { language, signal: asked }: TranscribeOptions,
  ): Promise<Transcript> {
    const signal = AbortSignal.any([asked, this.#closed.signal])
    signal.throwIfAborted()
    const path = await this.#options.model(signal)
    if (!mayHoldSpeech(audio)) return { text: '', language: language ?? 'und', segments: [] }
    const turn = this.#turn.then(async () => {
      // Given up while others were heard.
      signal.throwIfAborted()
      return this.#listen(path, audio, language, signal)
    })
    this.#turn = turn.catch(() => {})
    // Who waits for others leaves at once.
    const left = new Promise<never>((_, reject) =>
      signal.addEventListener('abort', () => reject(signal.reason), { once: true }),
    )
    return Promise.race([turn, left])
  }

  async unload(): Promise<void> {
    clearTimeout(this.#idle)
    const child = this.#child
    this.#child = undefined
    await child?.close()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed.abort(new SiloError('shutting_down'))
    await this.unload()
    await this.#turn
  }

  async #listen(
    path: string,
    audio: Float32Array,
    language: SpeechLanguage | undefined,
    signal: AbortSignal,
  ): Promise<Transcript> {
    clearTimeout(this.#idle)
    const seconds = audio.length / speechSampleRate
    const limit = AbortSignal.timeout(limitMs(seconds))
    const ended = AbortSignal.any([signal, limit])
    // The binding cannot be stopped in the middle; the process can.
    const stop = (): void => void this.unload()
    ended.addEventListener('abort', stop, { once: true })
    try {
      const form = seconds <= shortSeconds ? await this.#shortForm(path) : path
      ended.throwIfAborted()
      if (this.#child?.gone) this.#child = undefined
      this.#child ??= new SpeechChild(this.#options.log)
      const done = await this.#child.transcribe({
        path: form,
        pcm: pcmOf(audio),
        language: language ?? 'auto',
        prompt: prompts[language ?? 'auto'],
        threads: this.#options.threads ?? defaultThreads(),
      })
      return transcriptOf(done, language, seconds)
    } catch (cause) {
      if (signal.aborted) throw signal.reason
      throw new SiloError('speech_failed', { cause })
    } finally {
      ended.removeEventListener('abort', stop)
      if (!this.#closed.signal.aborted) {
        this.#idle = setTimeout(() => void this.unload(), this.#options.idleMs ?? 5 * 60_000)
        this.#idle.unref()
      }
    }
  }

  /** The form for short utterances, or the model itself where it cannot be made, e.g. on a full disk. */
  async #shortForm(path: string): Promise<string> {
    try {
      return await shortModel(path, this.#options.directory)
    } catch (error) {
      this.#options.log.warn('the short form of the speech model could not be made', { error })
      return path
    }
  }
}

function pcmOf(audio: Float32Array): Uint8Array<ArrayBuffer> {
  const samples = new Int16Array(Math.max(audio.length, shortest))
  for (let i = 0; i < audio.length; i++)
    samples[i] = Math.max(-0x8000, Math.min(0x7fff, Math.round(audio[i]! * 0x8000)))
  return new Uint8Array(samples.buffer)
}

function transcriptOf(
  done: {
    language?: string | undefined
    segments: readonly { t0: number; t1: number; text: string }[]
  },
  asked: SpeechLanguage | undefined,
  seconds: number,
): Transcript {
  // The last segment may claim to last as long as the model can listen.
  const within = (ms: number): number => Math.max(0, Math.min(ms, Math.round(seconds * 1000)))
  const segments = done.segments
    .map(({ t0, t1, text }) => ({ startMs: within(t0), endMs: within(t1), text: wordsOf(text) }))
    .filter(({ text }) => text !== '')
  return {
    text: joined(segments.map(({ text }) => text)),
    language: asked ?? (segments.length > 0 ? (done.language ?? 'und') : 'und'),
    segments,
  }
}

/** Physical cores on larger machines, where a second thread per core slows whisper.cpp down. */
function defaultThreads(): number {
  const usable = availableParallelism()
  return usable <= 4 ? usable : Math.min(8, Math.ceil(usable / 2))
}
