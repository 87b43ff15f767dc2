import { describe, expect, it } from 'vitest'
import { readEvents } from './sse.ts'

const encoder = new TextEncoder()

function bodyOf(chunks: readonly (string | Uint8Array)[], onCancel = () => {}) {
  const waiting = chunks.map((chunk) => (typeof chunk === 'string' ? encoder.encode(chunk) : chunk))
  return new ReadableStream<Uint8Array>({
    pull(controller) {
      const chunk = waiting.shift()
      if (chunk) controller.enqueue(chunk)
      else controller.close()
    },
    cancel: onCancel,
  })
}

const read = (...chunks: (string | Uint8Array)[]) => Array.fromAsync(readEvents(bodyOf(chunks)))

describe('readEvents', () => {
  it('reads the data of each message, whatever else it carries', async () => {
    expect(await read('id: 7\nevent: x\ndata: {"a":1}\n\ndata:two\n\nretry: 5\n\n')).toEqual([
      '{"a":1}',
      'two',
    ])
  })

  it('joins the lines of one message and passes over comments', async () => {
    expect(await read(': \n\ndata: one\ndata: two\ndata\n\n: still there\n\n')).toEqual([
      'one\ntwo\n',
    ])
  })

  it('takes every kind of line end, also one cut in two', async () => {
    expect(await read('data: a\r\n\r\ndata: b\r', '\n\r', '\ndata: c\rdata: d\r\rx')).toEqual([
      'a',
      'b',
      'c\nd',
    ])
  })

  it('gives the same whatever the chunks, cut inside a character too', async () => {
    const bytes = encoder.encode('data: 筒仓 ☀\n\ndata: {"ü":"ß"}\n\n')
    for (let at = 1; at < bytes.length; at++)
      expect(await read(bytes.subarray(0, at), bytes.subarray(at))).toEqual(['筒仓 ☀', '{"ü":"ß"}'])
  })

  it('drops a message the body broke off in', async () => {
    expect(await read('data: whole\n\ndata: ha')).toEqual(['whole'])
    expect(await read('data: whole\n\ndata: half\n')).toEqual(['whole'])
  })

  it('cancels the body when the reader leaves, and passes its failure on', async () => {
    let cancelled = false
    const body = bodyOf(['data: 1\n\ndata: 2\n\n', 'data: 3\n\n'], () => {
      cancelled = true
    })
    for await (const event of readEvents(body)) if (event === '1') break
    expect(cancelled).toBe(true)
    const failing = new ReadableStream<Uint8Array>({
      start: (controller) => controller.error(new Error('cut')),
    })
    await expect(Array.fromAsync(readEvents(failing))).rejects.toThrow('cut')
  })

  it('hears of every chunk', async () => {
    let chunks = 0
    await Array.fromAsync(readEvents(bodyOf([': \n\n', 'data: 1\n\n', ': \n\n']), () => chunks++))
    expect(chunks).toBe(3)
  })
})
