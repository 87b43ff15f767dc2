import { createWriteStream, mkdirSync, renameSync, statSync, type WriteStream } from 'node:fs'
import { join } from 'node:path'

export type LogLevel = 'debug' | 'info' | 'warn' | 'error'
export type LogFields = Record<string, unknown>

/**
 * Structured log: one JSON object a line. Prompts, answers, document text and secrets are never passed in;
 * paths are allowed, because the log stays in the data folder.
 */
export interface Log {
  debug(message: string, fields?: LogFields): void
  info(message: string, fields?: LogFields): void
  warn(message: string, fields?: LogFields): void
  error(message: string, fields?: LogFields): void
  /** A log whose lines carry `fields` as well. */
  child(fields: LogFields): Log
}

const levels: LogLevel[] = ['debug', 'info', 'warn', 'error']
const rotateBytes = 10 * 1024 * 1024

export class JsonLog implements Log {
  readonly #write: (line: string) => void
  readonly #minimum: number
  readonly #fields: LogFields

  constructor(write: (line: string) => void, level: LogLevel = 'info', fields: LogFields = {}) {
    this.#write = write
    this.#minimum = levels.indexOf(level)
    this.#fields = fields
  }

  debug(message: string, fields?: LogFields): void {
    this.#line('debug', message, fields)
  }
  info(message: string, fields?: LogFields): void {
    this.#line('info', message, fields)
  }
  warn(message: string, fields?: LogFields): void {
    this.#line('warn', message, fields)
  }
  error(message: string, fields?: LogFields): void {
    this.#line('error', message, fields)
  }

  child(fields: LogFields): Log {
    return new JsonLog(this.#write, levels[this.#minimum], { ...this.#fields, ...fields })
  }

  #line(level: LogLevel, message: string, fields?: LogFields): void {
    if (levels.indexOf(level) < this.#minimum) return
    const record = { time: new Date().toISOString(), level, message, ...this.#fields, ...fields }
    this.#write(
      `${JSON.stringify(record, (_key, value: unknown) => (value instanceof Error ? describeError(value) : value))}\n`,
    )
  }
}

function describeError(error: Error): object {
  return {
    name: error.name,
    message: error.message,
    ...('code' in error ? { code: error.code } : {}),
    stack: error.stack,
    ...(error.cause instanceof Error ? { cause: describeError(error.cause) } : {}),
  }
}

/** Opens `companion.log` in `directory`; the previous file is kept as `companion.log.1` once it is 10 MB. */
export function openLogFile(directory: string): WriteStream {
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  const path = join(directory, 'companion.log')
  const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0
  if (size > rotateBytes) renameSync(path, `${path}.1`)
  return createWriteStream(path, { flags: 'a', mode: 0o600 })
}

export const silentLog: Log = new JsonLog(() => {}, 'error')
