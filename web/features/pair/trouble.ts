/** What a person can do about a pairing that failed. */
export interface Trouble {
  /** The same may work in a moment. */
  readonly again: boolean
  /** A new code or another way is needed. */
  readonly another: boolean
  /** The companion was not reached: what to check, in the order that helps most often. */
  readonly check: boolean
}

/** The companion did not answer, for whatever reason. */
const unreached = new Set(['companion_unreachable', 'timeout', 'peer_unreachable'])
/** Nothing on this page helps: another browser or address does. */
const final = new Set(['insecure_context', 'device_key_unsupported'])
const spent = new Set(['pairing_refused', 'pairing_expired', 'pairing_link_invalid'])

export function troubleOf(code: string): Trouble {
  return {
    again: !final.has(code) && !spent.has(code),
    another: !final.has(code),
    check: unreached.has(code),
  }
}
