/** The seam to speech recognition. One suite in tests/contracts/transcriber.ts. */
export interface Transcriber extends AsyncDisposable {
  readonly specVersion: 1
  /** `whisper-cpp`, `fake`, … */
  readonly id: string
  /** Can it run here? Never throws for "no". */
  probe(signal: AbortSignal): Promise<{ readonly available: boolean; readonly reason?: string }>
  /**
   * Text of one utterance. `audio`: mono samples in −1…1 at 16 kHz, at most ten minutes.
   * @throws the signal's reason; SiloError speech_model_missing, speech_failed
   */
  transcribe(
    audio: Float32Array,
    options: { readonly language?: 'zh' | 'en'; readonly signal: AbortSignal },
  ): Promise<Transcript>
}

export interface Transcript {
  /** Trimmed; empty where nobody spoke. */
  readonly text: string
  /** BCP 47, as recognised or as asked. */
  readonly language: string
  readonly segments: readonly {
    readonly startMs: number
    readonly endMs: number
    readonly text: string
  }[]
}
