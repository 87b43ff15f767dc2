import { request } from 'node:http'
import { Readable } from 'node:stream'
import { SiloError } from '#shared/errors/silo-error.ts'

/** Where a server listens, and what it wants to be shown. */
export interface ServerAddress {
  /** Without a slash at its end. */
  readonly url: string
  readonly key?: string
  /** It listens at this Unix socket; `url` then only says what to call it. */
  readonly socketPath?: string
}

/** What a server refused, as it said it. */
export class ServerRefusal extends Error {
  readonly status: number

  constructor(status: number, message: string) {
    super(message)
    this.name = 'ServerRefusal'
    this.status = status
  }
}

export interface Ask {
  readonly address: ServerAddress
  readonly path: string
  /** Absent: GET. */
  readonly body?: unknown
  readonly signal: AbortSignal
  /** The answer must have begun, and every part of it must come, within this, ms. */
  readonly silenceMs: number
}

/** An answer larger than this is none, bytes. */
const answerLimit = 256 * 1024 * 1024
const errorLimit = 2000

/**
 * One answer in JSON.
 * @throws ServerRefusal what the server says; SiloError engine_crashed where it does not answer; the signal's reason
 */
export async function askJson(ask: Ask): Promise<unknown> {
  try {
    return JSON.parse(await askText(ask))
  } catch (error) {
    throw failureOf(error, ask.signal)
  }
}

/** One answer as it comes. Throws as `askJson` does. */
export async function askText(ask: Ask): Promise<string> {
  const silence = new Silence(ask)
  try {
    const response = await open(ask, silence)
    let text = ''
    for await (const piece of pieces(response, silence)) {
      text += piece
      if (text.length > answerLimit) throw new Error('the answer has no end')
    }
    return text
  } catch (error) {
    throw failureOf(error, ask.signal)
  } finally {
    silence.over()
  }
}

/** The JSON of every `data:` line of an event stream, to `[DONE]` or to its end. Throws as `askJson` does. */
export async function* askStream(ask: Ask): AsyncGenerator<unknown> {
  try {
    for await (const line of lines(ask)) {
      const data = /^data: ?(.*)$/.exec(line)?.[1]
      if (data === '[DONE]') return
      if (data) yield JSON.parse(data)
      // llama.cpp's server tells of a failure in the middle of a stream so.
      else if (line.startsWith('error: ')) throw new ServerRefusal(500, line.slice(7, errorLimit))
    }
  } catch (error) {
    throw failureOf(error, ask.signal)
  }
}

/** The JSON of every line that has one. Throws as `askJson` does. */
export async function* askLines(ask: Ask): AsyncGenerator<unknown> {
  try {
    for await (const line of lines(ask)) if (line.trim() !== '') yield JSON.parse(line)
  } catch (error) {
    throw failureOf(error, ask.signal)
  }
}

async function* lines(ask: Ask): AsyncGenerator<string> {
  const silence = new Silence(ask)
  try {
    const response = await open(ask, silence)
    let rest = ''
    for await (const piece of pieces(response, silence)) {
      const complete = (rest + piece).split(/\r?\n/)
      rest = complete.pop() ?? ''
      if (rest.length > answerLimit) throw new Error('a line has no end')
      yield* complete
    }
  } catch (error) {
    throw failureOf(error, ask.signal)
  } finally {
    silence.over()
  }
}

/** Ends a request that nothing is heard of, and one whose answer nobody reads any more. */
class Silence {
  readonly signal: AbortSignal
  readonly #controller = new AbortController()
  readonly #ms: number
  #timer: NodeJS.Timeout | undefined

  constructor({ signal, silenceMs }: Ask) {
    this.#ms = silenceMs
    this.signal = AbortSignal.any([signal, this.#controller.signal])
    this.heard()
  }

  heard(): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.#controller.abort(new Error(`silent for ${this.#ms} ms`)), this.#ms) // prettier-ignore
    this.#timer.unref()
  }

  over(): void {
    clearTimeout(this.#timer)
    this.#controller.abort()
  }
}

async function open({ address, path, body }: Ask, silence: Silence): Promise<Response> {
  const init = {
    method: body === undefined ? 'GET' : 'POST',
    headers: {
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...(address.key === undefined ? {} : { authorization: `Bearer ${address.key}` }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    signal: silence.signal,
  }
  const response =
    address.socketPath === undefined
      ? // What is asked of a server is for it alone.
        await fetch(address.url + path, { ...init, redirect: 'error' })
      : await fetchOverSocket(address.socketPath, address.url + path, init)
  if (response.ok) return response
  const text = (await response.text()).slice(0, errorLimit)
  throw new ServerRefusal(response.status, messageOf(text))
}

/** `fetch` knows no Unix sockets. */
function fetchOverSocket(
  socketPath: string,
  url: string,
  { body, ...init }: { method: string; headers: Record<string, string>; body?: string; signal: AbortSignal }, // prettier-ignore
): Promise<Response> {
  return new Promise((resolve, reject) => {
    const asked = request(url, { ...init, socketPath, agent: false }, (answer) => {
      // Node declares its web streams apart from the global ones, which they are.
      const stream: unknown = Readable.toWeb(answer)
      resolve(
        new Response(stream as ReadableStream<Uint8Array>, { status: answer.statusCode ?? 502 }),
      )
    })
    asked.on('error', reject)
    asked.end(body)
  })
}

async function* pieces(response: Response, silence: Silence): AsyncGenerator<string> {
  if (!response.body) return
  for await (const piece of response.body.pipeThrough(new TextDecoderStream())) {
    silence.heard()
    yield piece
  }
}

function messageOf(text: string): string {
  try {
    const parsed: unknown = JSON.parse(text)
    const error: unknown = parsed instanceof Object ? Reflect.get(parsed, 'error') : undefined
    const message: unknown = error instanceof Object ? Reflect.get(error, 'message') : error
    return typeof message === 'string' ? message : text
  } catch {
    return text
  }
}

function failureOf(error: unknown, signal: AbortSignal): unknown {
  if (signal.aborted) return signal.reason
  if (error instanceof ServerRefusal || error instanceof SiloError) return error
  return new SiloError('engine_crashed', { cause: error })
}
