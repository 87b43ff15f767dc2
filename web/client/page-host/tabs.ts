import type { Locks, TabChannel } from './ports.ts'

/** Locks across tabs; within this tab only where the browser has none (a page that is not secure). */
export function tabLocks(): Locks {
  return globalThis.navigator?.locks ?? loneLocks()
}

/** Messages between the tabs of this origin. */
export function tabChannel(name: string): TabChannel & Disposable {
  const channel = new BroadcastChannel(name)
  return {
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a channel has one origin only
    post: (message) => channel.postMessage(message),
    listen(listener) {
      const receive = (event: Event): void => listener((event as MessageEvent<unknown>).data)
      channel.addEventListener('message', receive)
      return () => channel.removeEventListener('message', receive)
    },
    [Symbol.dispose]: () => channel.close(),
  }
}

/** Exclusive locks of one page. */
function loneLocks(): Locks {
  const tails = new Map<string, Promise<unknown>>()
  const request = async (name: string, ...rest: unknown[]): Promise<unknown> => {
    const grant = rest.at(-1) as (lock: { name: string } | null) => unknown
    const options = (rest.length > 1 ? rest[0] : {}) as LockOptions
    if (options.ifAvailable && tails.has(name)) return grant(null)
    const before = tails.get(name) ?? Promise.resolve()
    const mine = before.then(() => {
      options.signal?.throwIfAborted()
      return grant({ name })
    })
    const settled = mine.catch(() => {})
    tails.set(name, settled)
    void settled.then(() => {
      if (tails.get(name) === settled) tails.delete(name)
    })
    return mine
  }
  return { request: request as Locks['request'], query: async () => ({ held: [], pending: [] }) }
}
