import { toSiloError, type SiloError } from '#shared/errors/silo-error.ts'
import type { SpeechState, Transcription } from '#shared/protocol/speech.ts'
import type { Recorder, RecorderEvents } from '#web/client/speech/recorder.ts'

export type VoicePhase = 'idle' | 'opening' | 'recording' | 'sending'
export type VoiceNote = 'unheard' | 'tooShort' | 'dropped' | 'written'

/** A press shorter than this is a tap: recording goes on until the next one. Milliseconds. */
const tapMs = 350
/** Less is a slip of the finger. Seconds. */
const shortestSeconds = 0.4

export interface VoicePorts {
  record(events: RecorderEvents, signal: AbortSignal): Promise<Recorder>
  transcribe(wav: Blob, signal: AbortSignal): Promise<Transcription>
  state(): Promise<SpeechState>
  /** What was said, to be looked at. */
  ontext(text: string): void
}

/** Push-to-talk: from the press to the text. What was recorded is kept until it has become text. */
export class VoiceInput {
  #phase = $state<VoicePhase>('idle')
  #latched = $state(false)
  #leaving = $state(false)
  #level = $state(0)
  #seconds = $state(0)
  #note = $state<VoiceNote>()
  #problem = $state.raw<SiloError>()
  #missing = $state.raw<SpeechState>()
  readonly #ports: VoicePorts
  #recorder: Recorder | undefined
  #work: AbortController | undefined
  #kept: Blob | undefined
  #pressedAt: number | undefined

  constructor(ports: VoicePorts) {
    this.#ports = ports
  }

  get phase(): VoicePhase {
    return this.#phase
  }
  /** Recording goes on without a finger on the button. */
  get latched(): boolean {
    return this.#latched
  }
  /** The finger has slid away: letting go drops the recording. */
  get leaving(): boolean {
    return this.#leaving
  }
  /** Loudness, 0…1. */
  get level(): number {
    return this.#level
  }
  get seconds(): number {
    return this.#seconds
  }
  get note(): VoiceNote | undefined {
    return this.#note
  }
  get problem(): SiloError | undefined {
    return this.#problem
  }
  /** The model that has to be fetched first. */
  get missing(): SpeechState | undefined {
    return this.#missing
  }
  /** A recording waits to be sent (again). */
  get keeps(): boolean {
    return this.#kept !== undefined
  }

  /** A finger or key goes down. `at`: milliseconds of any clock. */
  press(at: number): void {
    if (this.#phase === 'recording' && this.#latched) return this.finish()
    if (this.#phase !== 'idle') return
    this.#pressedAt = at
    void this.#begin()
  }

  /** It goes up again. */
  release(at: number): void {
    const from = this.#pressedAt
    this.#pressedAt = undefined
    if (from === undefined) return
    if (this.#leaving) return this.cancel()
    if (this.#phase === 'opening' || (this.#phase === 'recording' && at - from < tapMs))
      this.#latched = true
    else if (this.#phase === 'recording') this.finish()
  }

  /** The finger moves while it is down: `away` from the button or back. */
  slide(away: boolean): void {
    if (this.#pressedAt !== undefined) this.#leaving = away
  }

  /** Ends the recording and has it written down. */
  finish(): void {
    const recorder = this.#recorder
    if (this.#phase !== 'recording' || !recorder) return
    const { seconds } = recorder
    const wav = recorder.finish()
    this.#rest()
    if (seconds < shortestSeconds) this.#note = 'tooShort'
    else void this.send(wav)
  }

  /** Drops the recording, or stops waiting for its text. */
  cancel(): void {
    if (this.#phase === 'idle') return
    if (this.#phase === 'recording') this.#note = 'dropped'
    this.#recorder?.cancel()
    this.#work?.abort()
    this.#kept = undefined
    this.#rest()
  }

  /** Sends what is kept once more, e.g. now that the model is there. */
  retry(): void {
    this.#missing = undefined
    if (this.#kept) void this.send(this.#kept)
  }

  /** Takes notes and problems off the screen; a recording that waited is dropped. */
  dismiss(): void {
    this.#note = undefined
    this.#problem = undefined
    this.#missing = undefined
    this.#kept = undefined
  }

  /** Has a recording written down. */
  async send(wav: Blob): Promise<void> {
    this.#clearNotes()
    this.#kept = wav
    this.#phase = 'sending'
    const work = (this.#work = new AbortController())
    try {
      const { text } = await this.#ports.transcribe(wav, work.signal)
      if (work.signal.aborted) return
      this.#kept = undefined
      this.#note = text ? 'written' : 'unheard'
      if (text) this.#ports.ontext(text)
    } catch (cause) {
      if (work.signal.aborted) return
      await this.#explain(toSiloError(cause, 'page'))
    }
    if (this.#work === work) this.#rest()
  }

  async #begin(): Promise<void> {
    this.#clearNotes()
    this.#kept = undefined
    this.#phase = 'opening'
    const work = (this.#work = new AbortController())
    const ended = (): void => this.finish()
    try {
      const recorder = await this.#ports.record(
        {
          onLevel: (level, seconds) => {
            this.#level = level
            this.#seconds = seconds
          },
          onEnded: ended,
        },
        work.signal,
      )
      if (work.signal.aborted) return recorder.cancel()
      this.#recorder = recorder
      this.#phase = 'recording'
    } catch (cause) {
      if (work.signal.aborted) return
      this.#problem = toSiloError(cause, 'page')
      this.#rest()
    }
  }

  async #explain(error: SiloError): Promise<void> {
    if (error.code === 'speech_model_missing')
      this.#missing = await this.#ports.state().catch(() => undefined)
    if (!this.#missing) this.#problem = error
  }

  #clearNotes(): void {
    this.#note = undefined
    this.#problem = undefined
  }

  #rest(): void {
    this.#phase = 'idle'
    this.#latched = false
    this.#leaving = false
    this.#level = 0
    this.#recorder = undefined
    this.#work = undefined
    this.#pressedAt = undefined
  }
}
