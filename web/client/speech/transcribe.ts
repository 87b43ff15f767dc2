import {
  speechStateSchema,
  transcriptionSchema,
  type SpeechState,
  type Transcription,
} from '#shared/protocol/speech.ts'
import { request } from '#web/client/api.ts'

/** Whisper on a slow machine takes longer than the recording. Milliseconds. */
const limitMs = 15 * 60_000

/** What the companion can hear with. */
export function speechState(signal?: AbortSignal): Promise<SpeechState> {
  return request('/api/speech', speechStateSchema, signal ? { signal } : {})
}

/** The text of a recording; without a language the companion recognises it. Nothing of it is kept there. */
export function transcribe(
  wav: Blob,
  language: 'zh' | 'en' | undefined,
  signal: AbortSignal,
): Promise<Transcription> {
  const query = language === undefined ? '' : `?language=${language}`
  return request(`/api/speech/transcriptions${query}`, transcriptionSchema, {
    method: 'POST',
    content: wav,
    headers: { 'content-type': 'audio/wav' },
    timeoutMs: limitMs,
    signal,
  })
}
