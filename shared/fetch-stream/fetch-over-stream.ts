import type { TransportRequest } from '#shared/contracts/transport.ts'
import { SiloError } from '#shared/errors/silo-error.ts'
import type { ByteStream } from './byte-stream.ts'
import { FrameChannel } from './frame-channel.ts'
import { bodiless, crossing, parseHead, responseHeadSchema } from './heads.ts'

/**
 * Sends one request on a stream of its own and resolves with the head of the answer; both bodies stream. Aborting
 * `signal`, or cancelling the answer's body, ends the stream, and with it the request on the other side.
 * @throws the signal's reason; what `open` throws; SiloError companion_unreachable, protocol_violation, or what the
 * other side says
 */
export async function fetchOverStream(
  open: (signal: AbortSignal) => Promise<ByteStream>,
  request: TransportRequest,
  signal: AbortSignal,
): Promise<Response> {
  signal.throwIfAborted()
  const channel = new FrameChannel(await open(signal), { answers: false })
  const give = (): void => channel.fail(asError(signal.reason))
  signal.addEventListener('abort', give, { once: true })
  const leave = (): void => signal.removeEventListener('abort', give)
  void channel.ended.then(leave)
  if (signal.aborted) give()
  try {
    const { method, path, headers, body } = request
    const hasBody = body !== undefined
    const source = hasBody ? new Response(body as BodyInit).body : null
    await channel.sendHead({
      method,
      path,
      headers: crossing(Object.entries(headers ?? {})),
      body: hasBody,
    })
    // An answer may come before the whole body is sent; a failure shows in the answer.
    let sent = false
    const sending = channel.sendBody(source).then(
      () => (sent = true),
      () => {},
    )
    const head = parseHead(responseHeadSchema, await channel.head)
    // The answer is complete. What is left of the request's body is wanted by nobody.
    void channel.ended.then(async () => {
      if (!sent) channel.fail(new SiloError('cancelled'))
      await sending
      await channel.finish().catch(() => {})
    })
    const isEmpty = bodiless.has(head.status) || method === 'HEAD'
    return new Response(isEmpty ? null : channel.body((reason) => channel.fail(asError(reason))), {
      status: head.status,
      headers: head.headers,
    })
  } catch (error) {
    leave()
    channel.fail(asError(error))
    if (signal.aborted) throw signal.reason
    throw error
  }
}

function asError(reason: unknown): Error {
  return reason instanceof Error ? reason : new SiloError('cancelled', { cause: reason })
}
