/** A message without an end is none of ours: nothing the companion sends comes near this. */
const maxMessageLength = 16 * 1024 * 1024

/**
 * The `data` of each server-sent event of a body, in order (https://html.spec.whatwg.org/#parsing-an-event-stream).
 * Event names and ids are passed over: the companion's messages say what they are. `onBytes` hears of every chunk, also
 * of comments that only keep the stream alive. Ends with the body; leaving the loop cancels it.
 */
export async function* readEvents(
  body: ReadableStream<Uint8Array>,
  onBytes: () => void = () => {},
): AsyncGenerator<string> {
  const reader = body.getReader()
  const decoder = new TextDecoder()
  let rest = ''
  let data: string[] = []
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return
      onBytes()
      rest += decoder.decode(value, { stream: true })
      if (rest.length > maxMessageLength) throw new Error('an event without an end')
      // A line ends with \r\n, \n or \r; a \r at the end of the chunk may be half of the first.
      const lines = rest.split(/\r\n|\n|\r(?!$)/)
      rest = lines.pop() ?? ''
      for (const line of lines) {
        if (line === '') {
          if (data.length > 0) yield data.join('\n')
          data = []
        } else if (line === 'data' || line.startsWith('data:'))
          data.push(line.slice(5).replace(/^ /, ''))
      }
    }
  } finally {
    await reader.cancel().catch(() => {})
  }
}
