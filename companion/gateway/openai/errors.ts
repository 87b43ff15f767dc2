import type { Context } from 'hono'
import type { ContentfulStatusCode } from 'hono/utils/http-status'
import { newId } from '#shared/domain/ids.ts'
import { SiloError, toSiloError } from '#shared/errors/silo-error.ts'
import type { Log } from '#companion/observe/log.ts'

/** The body that OpenAI's clients expect with a status of 400 and above. `code` is Silo's own code. */
export interface OpenAiError {
  readonly error: {
    readonly message: string
    readonly type: string
    readonly param: string | null
    readonly code: string
  }
}

export function openAiError(error: SiloError): OpenAiError {
  return {
    error: {
      message: error.message,
      type: typeOf(error.httpStatus),
      param: error.field ?? null,
      code: error.code,
    },
  }
}

/** A request that is understood but asks for what Silo does not do. Nothing unsupported is ignored in silence. */
export function unsupported(field: string, detail: string): SiloError {
  return new SiloError('bad_request', { params: { detail: `${field}: ${detail}` }, field })
}

/** Turns whatever was thrown into a registered error; unknown ones are logged under the id the client sees. */
export function reportError(error: unknown, log: Log): SiloError {
  const errorId = newId()
  const known = toSiloError(error, errorId)
  if (known.code === 'internal') log.error('request failed', { errorId, error })
  else if (known.httpStatus >= 500) log.warn('request failed', { code: known.code, error })
  return known
}

export function errorResponse(context: Context, error: SiloError): Response {
  // OpenAI's clients repeat 409 and 5xx by themselves unless this header says it is no use.
  if (!error.retryable) context.header('x-should-retry', 'false')
  return context.json(openAiError(error), error.httpStatus as ContentfulStatusCode)
}

function typeOf(status: number): string {
  if (status === 401) return 'authentication_error'
  if (status === 403) return 'permission_error'
  return status >= 500 ? 'server_error' : 'invalid_request_error'
}
