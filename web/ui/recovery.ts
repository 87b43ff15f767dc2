import { errorRegistry, isErrorCode, type ErrorEntry } from '#shared/errors/registry.ts'

/** Whether doing the same again is what an error recommends, rather than e.g. choosing another model. */
export function asksForRetry(code: string): boolean {
  if (!isErrorCode(code)) return false
  const { recovery, retryable }: ErrorEntry = errorRegistry[code]
  if (recovery === undefined) return retryable
  return recovery === 'retry' || recovery === 'free-disk' || recovery === 'check-companion'
}
