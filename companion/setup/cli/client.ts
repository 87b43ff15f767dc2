import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import * as v from 'valibot'
import type { Config } from '#companion/config/config.ts'
import { fromWire, SiloError, wireErrorSchema } from '#shared/errors/silo-error.ts'
import { runResponseSchema, type StartRun } from '#shared/protocol/api.ts'
import { runEventSchema, type RunEvent } from '#shared/protocol/run-event.ts'

const requestLimitMs = 30_000
/** The companion sends something at least every 15 s. */
const silenceLimitMs = 60_000
const attempts = 5

const addressSchema = v.object({
  pid: v.pipe(v.number(), v.integer()),
  port: v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(65_535)),
})
const failureSchema = v.object({ error: wireErrorSchema })

/** Speaks to the companion that runs on this machine, as its owner. */
export class CompanionClient {
  readonly url: string
  readonly #token: string

  constructor(url: string, token: string) {
    this.url = url
    this.#token = token
  }

  /**
   * The companion of this data folder: its port is in `companion.json`, else the configured one is tried.
   * @throws SiloError companion_unreachable where none has ever run here or its process is gone
   */
  static find(config: Config): CompanionClient {
    const port = runningPort(config.home) ?? config.port
    const host = ['0.0.0.0', '::'].includes(config.host) ? '127.0.0.1' : config.host
    const name = host.includes(':') ? `[${host}]` : host
    try {
      const token = readFileSync(join(config.home, 'token'), 'utf8').trim()
      return new CompanionClient(`http://${name}:${port}`, token)
    } catch (cause) {
      throw new SiloError('companion_unreachable', { cause })
    }
  }

  /** @throws SiloError what the companion answers, companion_unreachable, timeout, bad_response */
  async request<S extends v.GenericSchema>(
    schema: S,
    path: string,
    options: { method?: string; body?: unknown; limitMs?: number } = {},
  ): Promise<v.InferOutput<S>> {
    const limitMs = options.limitMs ?? requestLimitMs
    const response = await this.#fetch(
      path,
      {
        method: options.method ?? 'GET',
        signal: AbortSignal.timeout(limitMs),
        ...(options.body === undefined ? {} : { body: JSON.stringify(options.body) }),
      },
      limitMs,
    )
    let body: unknown
    try {
      body = await response.json()
    } catch (cause) {
      throw failureOf(cause, limitMs, 'bad_response')
    }
    const parsed = v.safeParse(schema, body)
    if (!parsed.success) throw new SiloError('bad_response', { cause: parsed.issues })
    return parsed.output
  }

  /** A request whose answer has no body. @throws SiloError as `request` */
  async send(method: string, path: string): Promise<void> {
    const signal = AbortSignal.timeout(requestLimitMs)
    await this.#fetch(path, { method, signal }, requestLimitMs)
  }

  async startRun(run: StartRun): Promise<void> {
    await this.request(runResponseSchema, '/api/runs', { method: 'POST', body: run })
  }

  async cancelRun(runId: string): Promise<void> {
    await this.request(runResponseSchema, `/api/runs/${runId}/cancel`, { method: 'POST' })
  }

  /** Every event of a run, once and in order, through broken connections, to its end. */
  async *follow(runId: string): AsyncGenerator<RunEvent> {
    let last = -1
    for (let failures = 0; ;) {
      const silence = new AbortController()
      const timer = setTimeout(() => silence.abort(), silenceLimitMs)
      try {
        const response = await this.#fetch(`/api/runs/${runId}/events?after=${last}`, {
          headers: { accept: 'text/event-stream' },
          signal: silence.signal,
        })
        for await (const data of eventsOf(response, () => timer.refresh())) {
          const event = eventOf(data)
          if (event.seq <= last) continue
          last = event.seq
          failures = 0
          yield event
          if (event.body.type === 'run-ended') return
        }
      } catch (error) {
        const known = error instanceof SiloError ? error : undefined
        if (known && (!known.retryable || known.code === 'bad_response')) throw known
        if (failures >= attempts)
          throw known ?? new SiloError('companion_unreachable', { cause: error })
      } finally {
        clearTimeout(timer)
        silence.abort()
      }
      failures++
      if (failures > attempts) throw new SiloError('companion_unreachable')
      await sleep(200 * 2 ** failures)
    }
  }

  async #fetch(path: string, init: RequestInit, limitMs = silenceLimitMs): Promise<Response> {
    let response: Response
    try {
      response = await fetch(this.url + path, {
        ...init,
        headers: {
          accept: 'application/json',
          authorization: `Bearer ${this.#token}`,
          ...(init.body === undefined ? {} : { 'content-type': 'application/json' }),
          ...(init.headers as Record<string, string> | undefined),
        },
      })
    } catch (cause) {
      throw failureOf(cause, limitMs, 'companion_unreachable')
    }
    if (response.ok) return response
    const body: unknown = await response.json().catch(() => undefined)
    const failure = v.safeParse(failureSchema, body)
    if (failure.success) throw fromWire(failure.output.error)
    throw new SiloError('bad_response')
  }
}

function eventOf(data: string): RunEvent {
  try {
    return v.parse(runEventSchema, JSON.parse(data))
  } catch (cause) {
    throw new SiloError('bad_response', { cause })
  }
}

function failureOf(
  cause: unknown,
  limitMs: number,
  otherwise: 'bad_response' | 'companion_unreachable',
): SiloError {
  if (cause instanceof DOMException && cause.name === 'TimeoutError') {
    return new SiloError('timeout', { params: { seconds: limitMs / 1000 }, cause })
  }
  return new SiloError(otherwise, { cause })
}

/** The port of the companion that runs on this data folder; undefined where none left a note. */
function runningPort(home: string): number | undefined {
  let note: unknown
  try {
    note = JSON.parse(readFileSync(join(home, 'companion.json'), 'utf8'))
  } catch {
    return undefined
  }
  const parsed = v.safeParse(addressSchema, note)
  if (!parsed.success) return undefined
  try {
    process.kill(parsed.output.pid, 0)
  } catch (error) {
    // EPERM: it runs, under another user.
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') {
      throw new SiloError('companion_unreachable', { cause: error })
    }
  }
  return parsed.output.port
}

/** The `data` of each server-sent event. `heard` is called with every piece that arrives. */
async function* eventsOf(response: Response, heard: () => void): AsyncGenerator<string> {
  const decoder = new TextDecoder()
  let buffer = ''
  if (!response.body) return
  for await (const piece of response.body) {
    heard()
    buffer += decoder.decode(piece, { stream: true })
    for (let end = buffer.indexOf('\n\n'); end >= 0; end = buffer.indexOf('\n\n')) {
      const message = buffer.slice(0, end)
      buffer = buffer.slice(end + 2)
      const data = message.split('\n').filter((line) => line.startsWith('data:'))
      if (data.length > 0) yield data.map((line) => line.slice(5).trimStart()).join('\n')
    }
  }
}
