import { SiloError } from '#shared/errors/silo-error.ts'

/** An address and when its turn comes, ms after the start, unless those before it have failed already. */
export interface Candidate {
  readonly address: string
  readonly delayMs: number
}

/**
 * Tries addresses as planned and resolves with the first that succeeds; the others are aborted. An error that is
 * `final` for one is final for all.
 * @throws the signal's reason, the final error, or companion_unreachable when every address has failed
 */
export async function raceAddresses<T>(
  candidates: readonly Candidate[],
  attempt: (address: string, signal: AbortSignal) => Promise<T>,
  options: {
    readonly signal: AbortSignal
    readonly final: (error: unknown) => boolean
    /** Called with a success that came after another one. */
    readonly discard: (late: T) => void
  },
): Promise<{ value: T; address: string; failed: readonly string[] }> {
  const { signal } = options
  signal.throwIfAborted()
  const over = new AbortController()
  const both = AbortSignal.any([signal, over.signal])
  const failed: string[] = []
  const waiting = [...candidates]
  const { promise, resolve, reject } = Promise.withResolvers<{ value: T; address: string; failed: readonly string[] }>() // prettier-ignore
  let timer: ReturnType<typeof setTimeout> | undefined
  let running = 0
  const startedAt = Date.now()

  const next = (): void => {
    clearTimeout(timer)
    if (both.aborted) return
    const [candidate] = waiting
    if (!candidate) {
      if (running === 0) reject(new SiloError('companion_unreachable'))
      return
    }
    const dueIn = running === 0 ? 0 : candidate.delayMs - (Date.now() - startedAt)
    if (dueIn > 0) {
      timer = setTimeout(next, dueIn)
      return
    }
    waiting.shift()
    running++
    void run(candidate.address)
    next()
  }
  const run = async (address: string): Promise<void> => {
    try {
      const value = await attempt(address, both)
      if (both.aborted) return options.discard(value)
      resolve({ value, address, failed: [...failed] })
      over.abort(new Error('another address was faster'))
    } catch (error) {
      failed.push(address)
      running--
      if (options.final(error)) reject(error)
      else next()
    }
  }
  const give = (): void => reject(signal.reason)
  signal.addEventListener('abort', give, { once: true })
  next()
  try {
    return await promise
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', give)
    over.abort(new Error('the race is over'))
  }
}
