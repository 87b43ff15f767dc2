import { maxSpeechSeconds, speechSampleRate } from '#shared/protocol/speech.ts'
import { SiloError } from '#shared/errors/silo-error.ts'

const pcm = 1
const bytesPerSample = 2

/**
 * Samples in −1…1 of a WAV file that is 16 kHz, mono, 16-bit PCM, and nothing else.
 * @throws SiloError bad_request, body_too_large (longer than ten minutes)
 */
export function parseWav(file: Uint8Array): Float32Array {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength)
  const tag = (at: number) => String.fromCharCode(...file.subarray(at, at + 4))
  if (file.length < 12 || tag(0) !== 'RIFF' || tag(8) !== 'WAVE') throw refused('not a WAV file')
  let described = false
  for (let at = 12; at + 8 <= file.length;) {
    const size = view.getUint32(at + 4, true)
    const start = at + 8
    if (tag(at) === 'fmt ') {
      requireFormat(view, start, size)
      described = true
    } else if (tag(at) === 'data') {
      if (!described) throw refused('samples before their format')
      if (start + size > file.length) throw refused('the recording is cut off')
      return samplesOf(view, start, size)
    }
    // Chunks begin at even offsets.
    at = start + size + (size % 2)
  }
  throw refused('no samples')
}

function requireFormat(view: DataView, start: number, size: number): void {
  if (size < 16 || start + 16 > view.byteLength) throw refused('the format is cut off')
  const format = view.getUint16(start, true)
  const channels = view.getUint16(start + 2, true)
  const rate = view.getUint32(start + 4, true)
  const bits = view.getUint16(start + 14, true)
  if (format !== pcm || channels !== 1 || rate !== speechSampleRate || bits !== 8 * bytesPerSample)
    throw refused('expected 16 kHz, one channel, 16-bit PCM')
}

function samplesOf(view: DataView, start: number, size: number): Float32Array {
  if (size % bytesPerSample !== 0) throw refused('half a sample at the end')
  const limit = maxSpeechSeconds * speechSampleRate
  const count = size / bytesPerSample
  if (count > limit)
    throw new SiloError('body_too_large', { params: { limit: limit * bytesPerSample } })
  const samples = new Float32Array(count)
  for (let i = 0; i < count; i++)
    samples[i] = view.getInt16(start + i * bytesPerSample, true) / 0x8000
  return samples
}

function refused(detail: string): SiloError {
  return new SiloError('bad_request', { params: { detail }, field: 'body' })
}
