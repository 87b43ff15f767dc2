import { describe, expect, it, vi } from 'vitest'
import { dialFirst, dialOrder } from './dial-plan.ts'

const tcp = (host: string) => `/ip4/${host}/tcp/7453`
const ws = (host: string) => `/ip4/${host}/tcp/7452/ws`

describe('the order of dialling', () => {
  it('is bare TCP first, WebRTC never, and nothing twice', () => {
    const rtc = '/ip4/10.0.0.2/udp/7452/webrtc-direct/certhash/u'
    expect(dialOrder([rtc, ws('10.0.0.2'), tcp('10.0.0.2'), tcp('10.0.0.3'), ws('10.0.0.2')])).toEqual([tcp('10.0.0.2'), tcp('10.0.0.3'), ws('10.0.0.2')]) // prettier-ignore
    expect(dialOrder(Array.from({ length: 99 }, (_, n) => tcp(`10.0.0.${n}`)))).toHaveLength(12)
  })
})

describe('dialling one after the other', () => {
  const signal = AbortSignal.timeout(20_000)

  it('goes on at once where one fails, and takes the first that answers', async () => {
    const asked: string[] = []
    const dial = (address: string): Promise<string> => {
      asked.push(address)
      return address === 'c' ? Promise.resolve('c!') : Promise.reject(new Error(address))
    }
    const discard = vi.fn()
    expect(await dialFirst(['a', 'b', 'c', 'd'], dial, { signal, discard })).toBe('c!')
    expect(asked).toEqual(['a', 'b', 'c'])
    await expect(dialFirst(['a', 'b'], dial, { signal, discard })).rejects.toThrow('b')
    await expect(dialFirst([], dial, { signal, discard })).rejects.toMatchObject({ code: 'peer_unreachable' }) // prettier-ignore
    expect(discard).not.toHaveBeenCalled()
  })

  it('starts the next beside one that says nothing, and lets go of what comes late', async () => {
    const late = Promise.withResolvers<string>()
    const aborted = vi.fn()
    const discard = vi.fn()
    const dial = (address: string, ended: AbortSignal): Promise<string> => {
      if (address === 'fast') return Promise.resolve('fast')
      ended.addEventListener('abort', aborted)
      return late.promise
    }
    expect(await dialFirst(['slow', 'fast'], dial, { signal, discard })).toBe('fast')
    expect(aborted).toHaveBeenCalledOnce()
    late.resolve('slow')
    await vi.waitFor(() => expect(discard).toHaveBeenCalledWith('slow'))
  })

  it('ends with the signal', async () => {
    const stop = new AbortController()
    const dialling = dialFirst(['never'], () => new Promise(() => {}), { signal: stop.signal, discard() {} }) // prettier-ignore
    stop.abort(new Error('enough'))
    await expect(dialling).rejects.toThrow('enough')
  })
})
