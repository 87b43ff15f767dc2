/** The seam to speech recognition. One suite in tests/contracts/transcriber.ts. */
export interface Transcriber extends AsyncDisposable {
  readonly specVersion: 1
  /** `whisper-cpp`, `fake`, … */
  readonly id: string
  /** Can it run on this machine? Whether a model is there is another question. Never throws for "no". */
  probe(signal: AbortSignal): Promise<{ readonly available: boolean; readonly reason?: string }>
  /**
   * Text of one utterance. `audio`: mono samples in −1…1 at 16 kHz, at most ten minutes. Utterances wait for
   * each other. Nothing of the audio is kept.
   * @throws the signal's reason; SiloError speech_model_missing, speech_failed, model_corrupt
   */
  transcribe(audio: Float32Array, options: TranscribeOptions): Promise<Transcript>
}

export interface TranscribeOptions {
  /** Absent: recognised from the audio, at about twice the time. */
  readonly language?: SpeechLanguage
  readonly signal: AbortSignal
}

export type SpeechLanguage = 'zh' | 'en'

export interface Transcript {
  /** Trimmed; empty where nobody spoke. */
  readonly text: string
  /** BCP 47, as recognised or as asked; `und` where nobody spoke and none was asked. */
  readonly language: string
  readonly segments: readonly {
    readonly startMs: number
    readonly endMs: number
    readonly text: string
  }[]
}
