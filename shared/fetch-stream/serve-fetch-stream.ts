import { SiloError, toSiloError } from '#shared/errors/silo-error.ts'
import type { ByteStream } from './byte-stream.ts'
import { FrameChannel } from './frame-channel.ts'
import { bodiless, crossing, parseHead, requestHeadSchema } from './heads.ts'

export interface ServeOptions {
  /** How long the head of the request may take, ms. */
  readonly headMs?: number
  /** How long the other side may take to close a stream whose answer is sent, ms. */
  readonly closeMs?: number
  /** An id for an error that nobody foresaw, by which log and screen are matched. */
  readonly errorId?: () => string
}

/**
 * Answers the one request of a stream by `handle`, a fetch-shaped app. The request's signal is aborted when the
 * other side goes away. Resolves when the stream is over; rejects with why it failed.
 * @throws SiloError protocol_violation, timeout, companion_unreachable, or what `handle` threw
 */
export async function serveFetchStream(
  stream: ByteStream,
  handle: (request: Request) => Promise<Response>,
  { headMs = 20_000, closeMs = 20_000, errorId = () => 'link' }: ServeOptions = {},
): Promise<void> {
  const channel = new FrameChannel(stream, { answers: true })
  let response: Response | undefined
  try {
    const head = parseHead(requestHeadSchema, await within(channel.head, headMs))
    const url = new URL(`http://companion${head.path}`)
    if (url.host !== 'companion') throw new SiloError('protocol_violation')
    const hasBody = head.body && head.method !== 'GET' && head.method !== 'HEAD'
    response = await handle(
      new Request(url, {
        method: head.method,
        headers: crossing(head.headers),
        signal: channel.failed,
        // A body the handler no longer wants is left unread: the window stops the sender.
        ...(hasBody ? { body: channel.body(() => {}), duplex: 'half' } : {}),
      } as RequestInit),
    )
    channel.failed.throwIfAborted()
    await channel.sendHead({ status: response.status, headers: crossing(response.headers) })
    const isEmpty = bodiless.has(response.status) || head.method === 'HEAD'
    if (isEmpty) await response.body?.cancel()
    await channel.sendBody(isEmpty ? null : response.body)
    await channel.finish()
    await within(channel.ended, closeMs)
  } catch (error) {
    await response?.body?.cancel(error).catch(() => {})
    if (channel.failed.aborted) throw channel.failed.reason
    await channel.abort(toSiloError(error, errorId()))
    throw error
  }
}

async function within<T>(promise: Promise<T>, ms: number): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const limit = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(
      () => reject(new SiloError('timeout', { params: { seconds: ms / 1000 } })),
      ms,
    )
  })
  try {
    return await Promise.race([promise, limit])
  } finally {
    clearTimeout(timer)
  }
}
