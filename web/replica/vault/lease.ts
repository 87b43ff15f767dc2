import type { VaultCopy } from './records.ts'

const day = 24 * 3600 * 1000
/** A copy that no companion confirmed for so long is not answered from: its permission may be gone. */
export const leaseDays = 30
/** And after so long it is deleted. */
export const keptDays = 60

export type LeaseState = 'valid' | 'expired' | 'over'

/** @param now ms since 1970, and never earlier than what was seen before */
export function leaseOf(copy: Pick<VaultCopy, 'confirmedAt'>, now: number): LeaseState {
  const age = now - copy.confirmedAt
  if (age > keptDays * day) return 'over'
  return age > leaseDays * day ? 'expired' : 'valid'
}
