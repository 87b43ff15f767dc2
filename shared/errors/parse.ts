import * as v from 'valibot'
import { SiloError } from './silo-error.ts'

/**
 * Parses an external input. Throws `bad_request` naming the first field at fault; the offending value is
 * not repeated, because it may be private.
 */
export function parseInput<S extends v.GenericSchema>(schema: S, input: unknown): v.InferOutput<S> {
  const result = v.safeParse(schema, input, { abortEarly: true })
  if (result.success) return result.output
  const issue = result.issues[0]
  const field = issue ? v.getDotPath(issue) : null
  throw new SiloError('bad_request', {
    params: { detail: describe(issue, field) },
    ...(field ? { field } : {}),
  })
}

function describe(issue: v.BaseIssue<unknown> | undefined, field: string | null): string {
  const expected = issue?.expected ? `expected ${issue.expected}` : 'not accepted'
  return `${field ?? 'body'}: ${expected}`
}
