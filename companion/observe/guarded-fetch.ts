import { placeOf, isOwnName } from './house.ts'

/**
 * `fetch` keeps connections for the next request, and a kept connection passes no guard: each request outside is
 * judged by itself, and has a connection of its own, so that its bytes are on its own line.
 */
export function guardFetch(require: (host: string) => void, active: () => boolean): void {
  const { fetch } = globalThis
  globalThis.fetch = async (input, init) => {
    const url = new URL(input instanceof Request ? input.url : String(input))
    if (!active() || !/^https?:$/.test(url.protocol)) return fetch(input, init)
    require(url.hostname)
    const inside = isOwnName(url.hostname) || placeOf(url.hostname) === 'self'
    if (inside) return fetch(input, init)
    const headers = new Headers(init?.headers ?? (input instanceof Request ? input.headers : {}))
    headers.set('connection', 'close')
    return fetch(input, { ...init, headers })
  }
}
