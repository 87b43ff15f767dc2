import { openAiError, reportError } from './errors.ts'
import type { Generation } from './generation.ts'
import type { Log } from '#companion/observe/log.ts'

/**
 * Streams an answer as server-sent events. `write` is called with each event of the answer and returns the
 * finished SSE text (`data: …\n\n`), or an empty string. The engine is read at its own pace: a slow reader
 * costs memory for the rest of one answer, and never holds the model for others.
 */
export function sseResponse(
  generation: Generation,
  log: Log,
  stream: {
    /** Before the first event. */
    open?: string
    write: (event: NonNullable<Awaited<ReturnType<Generation['next']>>>) => string
    /** After the last event. */
    close: () => string
    /** Replaces `data: {error}` where a protocol has its own way to fail. */
    fail?: (error: ReturnType<typeof openAiError>['error']) => string
  },
): Response {
  const encoder = new TextEncoder()
  let cancelled = false
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      const send = (text: string): void => {
        if (text !== '' && !cancelled) controller.enqueue(encoder.encode(text))
      }
      const pump = async (): Promise<void> => {
        try {
          if (stream.open !== undefined) send(stream.open)
          for (let event = await generation.next(); event; event = await generation.next()) {
            send(stream.write(event))
          }
          send(stream.close())
        } catch (error) {
          if (cancelled) return
          const { error: body } = openAiError(reportError(error, log))
          send(stream.fail ? stream.fail(body) : `data: ${JSON.stringify({ error: body })}\n\n`)
        } finally {
          generation.close()
          if (!cancelled) controller.close()
        }
      }
      void pump()
    },
    cancel() {
      cancelled = true
      generation.close()
    },
  })
  return new Response(body, {
    headers: {
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-cache, no-transform',
      // Said outright, so that the HTTP server sends the first event without waiting for more.
      'transfer-encoding': 'chunked',
      'x-accel-buffering': 'no',
    },
  })
}

export const sseDone = 'data: [DONE]\n\n'
