import { beforeEach, describe, expect, it, vi } from 'vitest'
import { SiloError, toWire } from '#shared/errors/silo-error.ts'
import type { Upload } from '#shared/protocol/upload.ts'
import { setRoad } from './api.ts'
import { uploadFile } from './upload.ts'

/** A companion that takes one file, over a road that can break before or after the companion has heard. */
class Companion {
  bytes: number[] = []
  size = -1
  state: Upload['state'] = 'open'
  created = 0
  completed = 0
  readonly sizes: number[] = []
  /** What becomes of the next requests, in order; then they arrive. */
  faults: ('lost-before' | 'lost-after' | SiloError)[] = []

  readonly road = async (path: string, init?: RequestInit): Promise<Response> => {
    const fault = this.faults.shift()
    if (fault === 'lost-before') throw new TypeError('network')
    const answer = fault instanceof SiloError ? refuse(fault) : await this.#answer(path, init ?? {})
    if (fault === 'lost-after') throw new TypeError('network')
    return answer
  }

  async #answer(path: string, init: RequestInit): Promise<Response> {
    if (path === '/api/uploads') {
      const body = JSON.parse(String(init.body)) as { size: number }
      if (this.size < 0) this.created++
      this.size = body.size
    } else if (init.method === 'PATCH') {
      if (this.size < 0) return refuse(new SiloError('upload_unknown'))
      const offset = Number(new URLSearchParams(path.split('?')[1]).get('offset'))
      if (offset !== this.bytes.length)
        return refuse(new SiloError('conflict', { params: { detail: 'offset' }, field: 'offset' }))
      const part = new Uint8Array(await new Response(init.body).arrayBuffer())
      this.sizes.push(part.length)
      this.bytes = this.bytes.concat([...part])
    } else if (path.endsWith('/complete')) {
      this.completed++
      this.state = 'complete'
    }
    const upload = {
      id: 'upload-1',
      collectionId: 'collection-1',
      name: 'x.bin',
      size: this.size,
      received: this.bytes.length,
      state: this.state,
      readable: true,
      createdAt: 0,
    } satisfies Upload
    return Response.json({ upload })
  }
}

function refuse(error: SiloError): Response {
  return Response.json({ error: toWire(error) }, { status: error.httpStatus })
}

const content = new Blob([Uint8Array.from({ length: 300_000 }, (_, index) => index % 251)])
const file = { id: 'upload-1', name: 'x.bin', content, collectionId: 'collection-1' }
let companion: Companion
let stop: AbortController
let pauses: (string | undefined)[]
let progress: number[]
const start = () =>
  uploadFile(file, {
    signal: stop.signal,
    retryMs: 5,
    onProgress: (sent) => progress.push(sent),
    onPause: (reason) => pauses.push(reason?.code),
  })

beforeEach(() => {
  companion = new Companion()
  stop = new AbortController()
  pauses = []
  progress = []
  setRoad(companion.road)
})
const damaged = () => new SiloError('upload_damaged', { params: { name: 'x' } })

describe('sending a file', () => {
  it('arrives whole, once, however the connection breaks', async () => {
    companion.faults = ['lost-before', 'lost-after', 'lost-after', 'lost-before', 'lost-after']
    expect((await start()).state).toBe('complete')
    expect(new Uint8Array(companion.bytes)).toEqual(new Uint8Array(await content.arrayBuffer()))
    expect(companion.created).toBe(1)
    expect(pauses.length).toBeGreaterThan(0)
    expect(pauses.at(-1)).toBeUndefined()
    expect(progress.at(-1)).toBe(content.size)
  })

  it('does not send again what arrived although the answer was lost', async () => {
    // Announced; the only part arrives, its answer does not; asked again, nothing is left but to complete.
    companion.faults = [undefined, 'lost-after'] as never
    await start()
    expect(companion.sizes).toEqual([content.size])
    expect(companion.completed).toBe(1)
  })

  it('asks where to go on when the companion is elsewhere, and begins again when it forgot', async () => {
    const elsewhere = new SiloError('conflict', { params: { detail: 'x' }, field: 'offset' })
    companion.faults = [undefined, elsewhere, undefined, new SiloError('upload_unknown')] as never
    expect((await start()).state).toBe('complete')
    expect(companion.bytes).toHaveLength(content.size)
    expect(pauses).toEqual([])
  })

  it('gives up on what will not pass', async () => {
    for (const code of [
      'file_too_large',
      'disk_full',
      'forbidden',
      'collection_unknown',
    ] as const) {
      companion.faults = [new SiloError(code)]
      await expect(start()).rejects.toMatchObject({ code })
    }
    companion.faults = Array.from({ length: 9 }, damaged)
    await expect(start()).rejects.toMatchObject({ code: 'upload_damaged' })
    expect(companion.faults.length).toBeGreaterThan(3)
  })

  it('ends at once when it is cancelled, also while it waits', async () => {
    companion.faults = Array.from({ length: 99 }, () => 'lost-before' as const)
    const sending = start()
    await vi.waitFor(() => expect(pauses).toEqual(['companion_unreachable']))
    stop.abort()
    await expect(sending).rejects.toMatchObject({ code: 'cancelled' })
    expect(companion.bytes).toEqual([])
  })
})
