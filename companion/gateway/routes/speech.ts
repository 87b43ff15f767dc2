import { Hono } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import type { GatewayEnv } from '../environment.ts'
import type { SpeechService } from '#companion/speech/speech-service.ts'
import { parseInput } from '#shared/errors/parse.ts'
import { SiloError } from '#shared/errors/silo-error.ts'
import {
  maxSpeechBytes,
  speechSampleRate,
  transcriptionQuerySchema,
  type Transcription,
} from '#shared/protocol/speech.ts'

const transcriptions = '/api/speech/transcriptions'

/** A recording is longer than other bodies; its own limit holds. */
export function isRecording(method: string, path: string): boolean {
  return method === 'POST' && path === transcriptions
}

/** Speech to text. Recordings are heard and forgotten; nothing of them is written anywhere. */
export function speechRoutes(speech: SpeechService): Hono<GatewayEnv> {
  const app = new Hono<GatewayEnv>()

  app.get(
    '/speech',
    async (context) =>
    context.json(await speech.state(AbortSignal.any([context.req.raw.signal, AbortSignal.timeout(10_000)]))), // prettier-ignore
  )

  const limited = bodyLimit({
    maxSize: maxSpeechBytes,
    onError() {
      throw new SiloError('body_too_large', { params: { limit: maxSpeechBytes } })
    },
  })
  app.post('/speech/transcriptions', limited, async (context) => {
    const { language } = parseInput(transcriptionQuerySchema, context.req.query())
    const type = context.req.header('content-type')?.split(';')[0]?.trim().toLowerCase()
    if (type !== 'audio/wav')
      throw new SiloError('bad_request', { params: { detail: 'expected audio/wav' }, field: 'body' }) // prettier-ignore
    const { transcript, samples } = await speech.transcribe(
      async () => new Uint8Array(await context.req.arrayBuffer()),
      { language, signal: context.req.raw.signal },
    )
    const answer: Transcription = {
      ...transcript,
      segments: [...transcript.segments],
      durationMs: Math.round((samples / speechSampleRate) * 1000),
    }
    return context.json(answer)
  })
  return app
}
