import { describe, expect, it, vi } from 'vitest'
import { SiloError } from '#shared/errors/silo-error.ts'
import { raceAddresses, type Candidate } from './address-race.ts'

type Attempt = (address: string, signal: AbortSignal) => Promise<string>

const never = new AbortController().signal
const plan = (...addresses: string[]): Candidate[] =>
  addresses.map((address, index) => ({ address, delayMs: index * 40 }))

const final = (error: unknown) => error instanceof SiloError && error.code === 'device_not_paired'
const failing: Attempt = () => Promise.reject(new Error('refused'))

function race(attempt: Attempt, candidates: Candidate[], signal = never) {
  const discard = vi.fn()
  return { discard, result: raceAddresses(candidates, attempt, { signal, final, discard }) }
}

/** Waits until it is aborted. */
const hang: Attempt = (_, signal) =>
  new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)))

describe('raceAddresses', () => {
  it('resolves with the first that succeeds and stops the others', async () => {
    const stopped: string[] = []
    const { result } = race(
      async (address, signal) => {
        if (address === 'b') return 'there'
        return hang(address, signal).finally(() => stopped.push(address))
      },
      plan('a', 'b', 'c'),
    )
    await expect(result).resolves.toEqual({ value: 'there', address: 'b', failed: [] })
    await vi.waitFor(() => expect(stopped).toEqual(['a']))
  })

  it('does not wait for the turn of the next when nothing runs any more', async () => {
    const started: string[] = []
    const candidates = [
      { address: 'a', delayMs: 0 },
      { address: 'b', delayMs: 3_600_000 },
    ]
    const { result } = race(async (address) => {
      started.push(address)
      if (address === 'a') throw new Error('refused')
      return 'there'
    }, candidates)
    await expect(result).resolves.toEqual({ value: 'there', address: 'b', failed: ['a'] })
    expect(started).toEqual(['a', 'b'])
  })

  it('gives up when every address has failed, and when there is none', async () => {
    for (const candidates of [plan('a', 'b'), []])
      await expect(race(failing, candidates).result).rejects.toMatchObject({ code: 'companion_unreachable' }) // prettier-ignore
  })

  it('takes a final error of one as the answer', async () => {
    const { result } = race(
      async (address, signal) => {
        if (address === 'a') return hang(address, signal)
        throw new SiloError('device_not_paired')
      },
      plan('a', 'b'),
    )
    await expect(result).rejects.toMatchObject({ code: 'device_not_paired' })
  })

  it('ends with the reason of the caller, and discards what succeeds after that', async () => {
    const stop = new AbortController()
    const late = Promise.withResolvers<string>()
    const { result, discard } = race(() => late.promise, plan('a'), stop.signal)
    stop.abort(new Error('enough'))
    await expect(result).rejects.toThrow('enough')
    late.resolve('late')
    await vi.waitFor(() => expect(discard).toHaveBeenCalledWith('late'))
  })
})
