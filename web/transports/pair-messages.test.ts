import { describe, expect, it, vi } from 'vitest'
import type { ByteStream } from '#shared/fetch-stream/byte-stream.ts'
import { PairMessages } from './pair-messages.ts'

const never = new AbortController().signal
const nonce = 'a'.repeat(43)

function frame(body: string | Uint8Array, length?: number): Uint8Array {
  const bytes = typeof body === 'string' ? new TextEncoder().encode(body) : body
  const whole = new Uint8Array(4 + bytes.length)
  new DataView(whole.buffer).setUint32(0, length ?? bytes.length)
  whole.set(bytes, 4)
  return whole
}

/** A stream on which the companion has said `chunks`; it stays open where `open` is set. */
function streamOf(chunks: readonly Uint8Array[], { open = false } = {}) {
  const sent: Uint8Array[] = []
  const stream: ByteStream = {
    send: async (bytes) => void sent.push(bytes),
    closeWrite: async () => {},
    abort: vi.fn(),
    async *[Symbol.asyncIterator]() {
      yield* chunks
      if (open) await new Promise(() => {})
    },
  }
  return { stream, sent }
}

describe('PairMessages', () => {
  it('reads messages however they were cut', async () => {
    const open = JSON.stringify({ type: 'open', nonce })
    const commit = JSON.stringify({ type: 'commit', commitment: nonce })
    const both = new Uint8Array([...frame(commit), ...frame(open)])
    const { stream } = streamOf([both.subarray(0, 3), both.subarray(3, 90), both.subarray(90)])
    const messages = new PairMessages(stream, never)
    expect(await messages.next(1000)).toEqual({ type: 'commit', commitment: nonce })
    expect(await messages.next(1000)).toEqual({ type: 'open', nonce })
  })

  it('writes a length before each message', async () => {
    const { stream, sent } = streamOf([])
    await new PairMessages(stream, never).send({ type: 'reveal', nonce })
    expect(sent).toEqual([frame(JSON.stringify({ type: 'reveal', nonce }))])
  })

  it.each([
    ['what is no JSON', frame('{')],
    ['a message of another kind', frame(JSON.stringify({ type: 'hello', nonce }))],
    ['a nonce of another length', frame(JSON.stringify({ type: 'open', nonce: 'short' }))],
    ['a length beyond the limit', frame('{}', 8 * 1024 + 1)],
  ])('refuses %s', async (_, bytes) => {
    const { stream } = streamOf([bytes], { open: true })
    await expect(new PairMessages(stream, never).next(1000)).rejects.toMatchObject({
      code: 'protocol_violation',
    })
    expect(stream.abort).toHaveBeenCalled()
  })

  it('ends with the stream, the limit or the person', async () => {
    const half = streamOf([frame('{}').subarray(0, 5)])
    await expect(new PairMessages(half.stream, never).next(1000)).rejects.toThrow('ended')
    const silent = streamOf([], { open: true })
    await expect(new PairMessages(silent.stream, never).next(10)).rejects.toMatchObject({
      code: 'timeout',
    })
    const stop = new AbortController()
    const given = new PairMessages(silent.stream, stop.signal).next(10_000)
    stop.abort(new Error('enough'))
    await expect(given).rejects.toThrow('enough')
    expect(silent.stream.abort).toHaveBeenCalledTimes(2)
  })
})
