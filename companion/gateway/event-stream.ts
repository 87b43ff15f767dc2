/** Milliseconds between comments that keep the connection, and what stands between, from timing out. */
const heartbeatMs = 15_000
/** Bytes that may wait for a client that does not read; then it is cut off, and reads the log when it is back. */
const maxWaiting = 8 * 1024 * 1024

export interface EventSink {
  /** Sends one SSE message; `id` becomes its event id. */
  send(data: unknown, id?: number): void
  close(): void
}

/**
 * A response of server-sent events. `open` gets the sink and returns what is called once when the stream is
 * over, whoever ended it.
 */
export function eventStream(open: (sink: EventSink) => () => void): Response {
  const encoder = new TextEncoder()
  let cleanup: (() => void) | undefined
  let timer: NodeJS.Timeout | undefined
  let over = false
  const finish = (): void => {
    if (over) return
    over = true
    clearInterval(timer)
    cleanup?.()
  }
  const body = new ReadableStream<Uint8Array>(
    {
      start(controller) {
        const write = (text: string): void => {
          if (over) return
          controller.enqueue(encoder.encode(text))
          if ((controller.desiredSize ?? 0) < -maxWaiting) {
            finish()
            controller.error(new Error('the client reads too slowly'))
          }
        }
        timer = setInterval(() => write(': \n\n'), heartbeatMs)
        timer.unref()
        cleanup = open({
          send: (data, id) =>
            write(`${id === undefined ? '' : `id: ${id}\n`}data: ${JSON.stringify(data)}\n\n`),
          close() {
            if (over) return
            finish()
            controller.close()
          },
        })
        if (over) cleanup()
      },
      cancel: finish,
    },
    new ByteLengthQueuingStrategy({ highWaterMark: 64 * 1024 }),
  )
  return new Response(body, {
    headers: {
      'Content-Type': 'text/event-stream; charset=utf-8',
      'Cache-Control': 'no-store',
      'X-Accel-Buffering': 'no',
    },
  })
}
