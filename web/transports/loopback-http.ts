import type { Transport } from '#shared/contracts/transport.ts'

/** The road to the companion that serves this page: plain HTTP at the page's own origin. */
export function loopbackHttp(): Transport {
  const end = new AbortController()
  const closed = Promise.withResolvers<void>()
  return {
    specVersion: 1,
    kind: 'loopback',
    closed: closed.promise,
    request({ method, path, headers, body }, signal) {
      return fetch(path, {
        method,
        credentials: 'same-origin',
        signal: AbortSignal.any([signal, end.signal]),
        ...(headers ? { headers } : {}),
        ...(body === undefined ? {} : { body: body as BodyInit }),
        ...(body instanceof ReadableStream ? ({ duplex: 'half' } as object) : {}),
      })
    },
    [Symbol.asyncDispose]() {
      end.abort(new Error('the road was given up'))
      closed.resolve()
      return closed.promise
    },
  }
}
