import { SiloError } from '#shared/errors/silo-error.ts'
import { maxSpeechSeconds, speechSampleRate } from '#shared/protocol/speech.ts'
import workletUrl from './capture-worklet.ts?worker&url'
import { Resampler } from './resampler.ts'
import { wavFile } from './wav.ts'

/** Samples of the longest recording. */
const limit = maxSpeechSeconds * speechSampleRate

export interface RecorderEvents {
  /** About 20 times a second: loudness 0…1, and the length so far in seconds. */
  readonly onLevel: (level: number, seconds: number) => void
  /** It ended by itself: ten minutes are full, the page was hidden, or the microphone went away. */
  readonly onEnded: () => void
}

export interface Recorder {
  /** Length so far, in seconds. */
  readonly seconds: number
  /** Ends it and lets the microphone go. @returns 16 kHz mono 16-bit WAV */
  finish(): Blob
  /** Ends it and forgets what was heard. */
  cancel(): void
}

/** Why no microphone can be had on this page, before anybody is asked. */
export function recordingProblem(): SiloError | undefined {
  if (!isSecureContext) return new SiloError('microphone_insecure')
  if (!('mediaDevices' in navigator) || typeof AudioWorkletNode === 'undefined')
    return new SiloError('microphone_missing')
  return undefined
}

/**
 * Starts to listen. Call it in the handler of a press or key: iOS lets sound begin only there.
 * @throws SiloError microphone_insecure, microphone_missing, microphone_denied; or the signal's reason
 */
export async function startRecording(
  events: RecorderEvents,
  signal: AbortSignal,
): Promise<Recorder> {
  const problem = recordingProblem()
  if (problem) throw problem
  const context = new AudioContext()
  const resumed = context.resume()
  let stream: MediaStream | undefined
  try {
    stream = await openMicrophone()
    signal.throwIfAborted()
    await Promise.all([resumed, context.audioWorklet.addModule(workletUrl)])
    signal.throwIfAborted()
    return new MicrophoneRecorder(context, stream, events)
  } catch (error) {
    stopTracks(stream)
    void context.close()
    throw error
  }
}

async function openMicrophone(): Promise<MediaStream> {
  try {
    return await navigator.mediaDevices.getUserMedia({
      audio: {
        channelCount: 1,
        echoCancellation: true,
        noiseSuppression: true,
        autoGainControl: true,
      },
    })
  } catch (cause) {
    const name = cause instanceof DOMException ? cause.name : ''
    const denied = name === 'NotAllowedError' || name === 'SecurityError'
    throw new SiloError(denied ? 'microphone_denied' : 'microphone_missing', { cause })
  }
}

class MicrophoneRecorder implements Recorder {
  readonly #context: AudioContext
  readonly #stream: MediaStream
  readonly #events: RecorderEvents
  readonly #resampler: Resampler
  readonly #ends = new AbortController()
  #parts: Int16Array<ArrayBuffer>[] = []
  #samples = 0

  constructor(context: AudioContext, stream: MediaStream, events: RecorderEvents) {
    this.#context = context
    this.#stream = stream
    this.#events = events
    this.#resampler = new Resampler(context.sampleRate, speechSampleRate)
    const source = context.createMediaStreamSource(stream)
    const capture = new AudioWorkletNode(context, 'capture', { numberOfInputs: 1, channelCount: 1 })
    capture.port.addEventListener('message', ({ data }: MessageEvent<Float32Array>) =>
      this.#take(data),
    )
    capture.port.start()
    source.connect(capture)
    // A node that leads nowhere is not run by every browser; it puts out silence.
    capture.connect(context.destination)
    const { signal } = this.#ends
    const ended = (): void => this.#events.onEnded()
    document.addEventListener('visibilitychange', () => document.hidden && ended(), { signal })
    addEventListener('pagehide', ended, { signal })
    for (const track of stream.getAudioTracks()) track.addEventListener('ended', ended, { signal })
  }

  get seconds(): number {
    return this.#samples / speechSampleRate
  }

  finish(): Blob {
    this.#release()
    return wavFile(this.#parts)
  }

  cancel(): void {
    this.#release()
    this.#parts = []
  }

  #take(block: Float32Array): void {
    if (this.#ends.signal.aborted) return
    let part = this.#resampler.push(block)
    if (this.#samples + part.length > limit) part = part.slice(0, limit - this.#samples)
    this.#parts.push(part)
    this.#samples += part.length
    this.#events.onLevel(loudness(block), this.seconds)
    if (this.#samples >= limit) this.#events.onEnded()
  }

  #release(): void {
    this.#ends.abort()
    stopTracks(this.#stream)
    void this.#context.close().catch(() => {})
  }
}

/** −50 dB … 0 dB as 0…1: how loud it feels. */
function loudness(block: Float32Array): number {
  let squares = 0
  for (const value of block) squares += value * value
  const decibels = 10 * Math.log10(squares / block.length + 1e-9)
  return Math.max(0, Math.min(1, 1 + (decibels + 8) / 42))
}

function stopTracks(stream: MediaStream | undefined): void {
  for (const track of stream?.getTracks() ?? []) track.stop()
}
