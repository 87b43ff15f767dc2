import * as v from 'valibot'
import { SiloError, fromWire, wireErrorSchema } from '#shared/errors/silo-error.ts'

export interface RequestOptions {
  method?: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  /** Sent as JSON. */
  body?: unknown
  /** Sent as it is, instead of `body`; name its type in `headers`. */
  content?: Blob | Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array>
  headers?: Readonly<Record<string, string>>
  signal?: AbortSignal
  /** Milliseconds until `timeout`; 30 000 unless told. */
  timeoutMs?: number
  /** Another host of the same API than the companion: the page. */
  road?: Road
  /** The limit is for the head of the answer only: its body, e.g. a large file, may take as long as it takes. */
  streams?: boolean
}

/** What carries a request to the companion: as `fetch`, with paths of the companion only. */
export type Road = (path: string, init?: RequestInit) => Promise<Response>

const failureSchema = v.object({ error: wireErrorSchema })

let road: Road = (path, init) => fetch(path, init)
/** Replaces the road of every request from now on. */
export function setRoad(next: Road): void {
  road = next
}

/** Called when the companion says that this browser is not signed in. */
let signOut: () => void = () => {}
export function onSignedOut(listener: () => void): void {
  signOut = listener
}

/**
 * One request to the companion. Returns the parsed answer, or `undefined` for 204.
 * @throws SiloError: what the companion said, or companion_unreachable, device_not_paired, bad_response, timeout,
 * cancelled
 */
export async function request<S extends v.GenericSchema>(
  path: string,
  schema: S,
  options: RequestOptions = {},
): Promise<v.InferOutput<S>> {
  const response = await send(path, options)
  const body: unknown = await response.json().catch(() => undefined)
  const parsed = v.safeParse(schema, body)
  if (!parsed.success) throw new SiloError('bad_response', { cause: parsed.issues[0]?.message })
  return parsed.output
}

/** A request whose answer has no body, or whose body the caller reads. Errors are thrown as in `request`. */
export async function send(path: string, options: RequestOptions = {}): Promise<Response> {
  const timeoutMs = options.timeoutMs ?? 30_000
  const timeout = new AbortController()
  const timer = setTimeout(() => timeout.abort(), timeoutMs)
  // Unless it streams, the body has to come within the limit too: the timer runs on.
  const signal = options.signal ? AbortSignal.any([options.signal, timeout.signal]) : timeout.signal
  let response: Response
  try {
    response = await (options.road ?? road)(path, {
      method: options.method ?? 'GET',
      credentials: 'same-origin',
      signal,
      ...contentOf(options),
    })
  } catch (cause) {
    clearTimeout(timer)
    if (options.signal?.aborted) throw new SiloError('cancelled', { cause })
    if (timeout.signal.aborted)
      throw new SiloError('timeout', { params: { seconds: timeoutMs / 1000 }, cause })
    if (cause instanceof SiloError) throw cause
    throw new SiloError('companion_unreachable', { cause })
  }
  if (options.streams) clearTimeout(timer)
  if (response.ok) return response
  const error = await errorOf(response)
  clearTimeout(timer)
  if (error.code === 'unauthorized') signOut()
  throw error
}

/** What an answer that is not a success says; bad_response where it does not come from a companion. */
export async function errorOf(response: Response): Promise<SiloError> {
  const failure = v.safeParse(failureSchema, await response.json().catch(() => undefined))
  return failure.success ? fromWire(failure.output.error) : new SiloError('bad_response')
}

function contentOf({ body, content, headers }: RequestOptions): RequestInit {
  if (content !== undefined)
    return {
      body: content,
      headers: { ...headers },
      // Browsers ask for this word before they send a stream.
      ...(content instanceof ReadableStream ? ({ duplex: 'half' } as object) : {}),
    }
  if (body === undefined) return headers ? { headers: { ...headers } } : {}
  return {
    body: JSON.stringify(body),
    headers: { 'content-type': 'application/json', ...headers },
  }
}
