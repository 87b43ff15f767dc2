import { SiloError } from '#shared/errors/silo-error.ts'
import { roadOf } from './addresses.ts'

/** Between two addresses, ms: most that will not answer never say so. */
const staggerMs = 250
const mostAddresses = 12

/** The addresses of a companion in the order they are dialled: bare TCP before WebSocket, WebRTC never. */
export function dialOrder(addresses: readonly string[]): string[] {
  const dialable = [...new Set(addresses)].filter((address) => roadOf(address) !== 'webrtc')
  const plain = dialable.filter((address) => roadOf(address) === 'tcp')
  return [...plain, ...dialable.filter((address) => !plain.includes(address))].slice(0, mostAddresses) // prettier-ignore
}

/**
 * Dials one address after the other, each a little after the one before it or as soon as that has failed, and takes the
 * first that answers.
 * @throws what the last address failed with; the signal's reason
 */
export async function dialFirst<T>(
  addresses: readonly string[],
  dial: (address: string, signal: AbortSignal) => Promise<T>,
  options: { readonly signal: AbortSignal; readonly discard: (late: T) => void },
): Promise<T> {
  const { signal, discard } = options
  signal.throwIfAborted()
  if (addresses.length === 0) throw new SiloError('peer_unreachable', { params: { address: '' } })
  const over = new AbortController()
  const both = AbortSignal.any([signal, over.signal])
  const won = Promise.withResolvers<T>()
  let [next, running, timer] = [0, 0, undefined as NodeJS.Timeout | undefined]
  const start = (): void => {
    clearTimeout(timer)
    if (both.aborted || next >= addresses.length) return
    running++
    dial(addresses[next++]!, both).then(
      (value) => {
        if (both.aborted) return discard(value)
        won.resolve(value)
        over.abort(new Error('another address was faster'))
      },
      (error: unknown) => {
        running--
        if (next < addresses.length) start()
        else if (running === 0) won.reject(error)
      },
    )
    timer = setTimeout(start, staggerMs)
  }
  const give = (): void => won.reject(signal.reason)
  signal.addEventListener('abort', give, { once: true })
  start()
  try {
    return await won.promise
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', give)
    over.abort(new Error('the dialling is over'))
  }
}
