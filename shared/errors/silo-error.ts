import * as v from 'valibot'
import { formatBytes } from '#shared/domain/byte-size.ts'
import { errorRegistry, isErrorCode, type ErrorCode } from './registry.ts'

export type Language = 'en' | 'zh'
export type ErrorParams = Readonly<Record<string, string | number>>

/** What crosses the wire and is stored in the run log. Never carries a stack, a cause or document text. */
export const wireErrorSchema = v.object({
  code: v.string(),
  params: v.optional(v.record(v.string(), v.union([v.string(), v.number()]))),
  /** The request field at fault, as a dotted path. */
  field: v.optional(v.string()),
  retryable: v.boolean(),
  /** English text, for clients that do not know the code. */
  message: v.string(),
})
export type WireError = v.InferOutput<typeof wireErrorSchema>

/** The only error that modules throw on purpose. `cause` stays in the process and in the local log. */
export class SiloError extends Error {
  readonly code: ErrorCode
  readonly params: ErrorParams
  readonly field: string | undefined

  constructor(
    code: ErrorCode,
    options: { params?: ErrorParams; field?: string; cause?: unknown } = {},
  ) {
    super(fill(textOf(code, 'en') ?? code, options.params ?? {}), { cause: options.cause })
    this.name = 'SiloError'
    this.code = code
    this.params = options.params ?? {}
    this.field = options.field
  }

  get httpStatus(): number {
    return errorRegistry[this.code].httpStatus
  }

  get retryable(): boolean {
    return errorRegistry[this.code].retryable
  }
}

/** Unknown errors become `internal` with the given id, so that the log and the screen can be matched. */
export function toSiloError(error: unknown, errorId: string): SiloError {
  if (error instanceof SiloError) return error
  return new SiloError('internal', { params: { errorId }, cause: error })
}

export function toWire(error: SiloError): WireError {
  return {
    code: error.code,
    ...(Object.keys(error.params).length ? { params: { ...error.params } } : {}),
    ...(error.field === undefined ? {} : { field: error.field }),
    retryable: error.retryable,
    message: error.message,
  }
}

export function fromWire(wire: WireError): SiloError {
  if (!isErrorCode(wire.code)) return new SiloError('bad_response', { cause: wire })
  return new SiloError(wire.code, {
    ...(wire.params ? { params: wire.params } : {}),
    ...(wire.field === undefined ? {} : { field: wire.field }),
  })
}

/** Texts kept apart from the registry; see `keepTextsApart`. */
let otherTexts: (code: ErrorCode, language: Language) => string | undefined = () => undefined

/**
 * The page's build takes the texts out of the registry, so that the first screen need not load them
 * (web/ui/error-texts.svelte.ts). Whoever does that says here where they are.
 */
export function keepTextsApart(find: typeof otherTexts): void {
  otherTexts = find
}

function textOf(code: ErrorCode, language: Language): string | undefined {
  return (errorRegistry[code][language] as string | undefined) ?? otherTexts(code, language)
}

/** The text a person reads. */
export function errorText(
  error: { code: string; params?: ErrorParams | undefined; message?: string },
  language: Language,
): string {
  if (!isErrorCode(error.code)) return error.message ?? error.code
  const text = textOf(error.code, language) ?? textOf(error.code, 'en')
  return text === undefined ? (error.message ?? error.code) : fill(text, error.params ?? {})
}

function fill(text: string, params: ErrorParams): string {
  return text.replace(/\{(\w+)(:bytes)?\}/g, (hole, name: string, size?: string) => {
    if (!Object.hasOwn(params, name)) return hole
    const value = params[name]!
    return size && typeof value === 'number' ? formatBytes(value) : String(value)
  })
}
