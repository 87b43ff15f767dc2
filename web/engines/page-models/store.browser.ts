import { sha256 } from '@noble/hashes/sha2.js'
import { beforeEach, describe, expect, it } from 'vitest'
import { SiloError } from '#shared/errors/silo-error.ts'
import { failure } from '#tests/contracts/engine.ts'
import { pageCatalogue, type PageModel } from './catalogue.ts'
import { removeFolder } from './files.ts'
import type { Ask } from './sources.ts'
import { PageModelStore } from './store.ts'

const size = 20_000_000
const bytes = new Uint8Array(size)
for (let at = 0; at < size; at += 65_536) crypto.getRandomValues(bytes.subarray(at, at + 65_536))
const sum = [...sha256(bytes)].map((byte) => byte.toString(16).padStart(2, '0')).join('')
const file = { name: 'test.gguf', size, sha256: sum }
const model: PageModel = { ...pageCatalogue[1]!, id: 'test-model', name: 'Test', files: [file] }
const forever = new AbortController().signal

/** A companion that has the file; `asked` is what ranges were asked for. */
function companion(content: Uint8Array<ArrayBuffer>, asked: string[] = []): Ask {
  return async (path, { headers, signal }) => {
    if (path === '/api/page-models')
      return Response.json({ models: [{ id: 'test-model', files: [{ ...file, name: 'other.gguf' }] }] }) // prettier-ignore
    expect(path).toBe('/api/page-models/test-model/files/other.gguf')
    const [, start = 0, end = 0] = /bytes=(\d+)-(\d+)/.exec(headers?.range ?? '')?.map(Number) ?? []
    asked.push(`${start}-${end}`)
    const body = new ReadableStream<Uint8Array>({
      async start(controller) {
        for (let at = start; at <= end && !signal.aborted; at += 1_000_000) {
          controller.enqueue(content.slice(at, Math.min(end + 1, at + 1_000_000)))
          await new Promise((resolve) => setTimeout(resolve, 1))
        }
        if (signal.aborted) controller.error(signal.reason)
        else controller.close()
      },
    })
    return new Response(body, { status: 206 })
  }
}

describe('models stored in the page', () => {
  beforeEach(() => removeFolder(['page-models', 'test-model']))

  it('fetches, checks, lists, opens and deletes', async () => {
    const store = new PageModelStore({ ask: companion(bytes) })
    expect(await store.look(model)).toEqual({ installed: false, bytes: 0, size })
    const seen: number[] = []
    await store.download(model, { signal: forever, onProgress: (done) => seen.push(done) })
    expect(seen[0]).toBe(0)
    expect(seen.at(-1)).toBe(size)
    expect(seen.every((done, index) => index === 0 || done >= seen[index - 1]!)).toBe(true)
    expect(await store.look(model)).toEqual({ installed: true, bytes: size, size })
    const stored = await store.open('test-model/test.gguf')
    expect(new Uint8Array(await stored.slice(5, 25).arrayBuffer())).toEqual(bytes.slice(5, 25))
    await store.remove(model)
    expect(await store.look(model)).toEqual({ installed: false, bytes: 0, size })
    expect((await failure(store.open('test-model/test.gguf'))).code).toBe('model_not_installed')
  })

  it('goes on where it was stopped, also in a page that was opened later', async () => {
    const asked: string[] = []
    const controller = new AbortController()
    const first = new PageModelStore({ ask: companion(bytes, asked) }).download(model, {
      signal: controller.signal,
      onProgress: (done) => done >= 10_000_000 && controller.abort(),
    })
    expect((await failure(first)).code).toBe('cancelled')
    const later = new PageModelStore({ ask: companion(bytes, asked) })
    const { installed, bytes: here } = await later.look(model)
    expect(installed).toBe(false)
    expect(here).toBeGreaterThanOrEqual(10_000_000)
    expect(here).toBeLessThan(size)
    asked.length = 0
    await later.download(model, { signal: forever, onProgress() {} })
    expect(asked[0]).toMatch(new RegExp(`^${here}-`))
    expect((await later.look(model)).installed).toBe(true)
  })

  it('throws away a file with another sum', async () => {
    const wrong = bytes.slice()
    wrong[7_000_000]! ^= 1
    const store = new PageModelStore({ ask: companion(wrong) })
    const error = await failure(store.download(model, { signal: forever, onProgress() {} }))
    expect(error.code).toBe('checksum_mismatch')
    expect(await store.look(model)).toEqual({ installed: false, bytes: 0, size })
  })

  it('asks again for a piece that broke off', async () => {
    const whole = companion(bytes)
    let broken = 0
    const store = new PageModelStore({
      ask: async (path, options) => {
        if (options.headers?.range?.startsWith('bytes=8388608') && broken++ < 2)
          throw new SiloError('companion_unreachable')
        return whole(path, options)
      },
    })
    await store.download(model, { signal: forever, onProgress() {} })
    expect(broken).toBe(3)
    expect((await store.look(model)).installed).toBe(true)
  })

  it('says so when nobody has it, and when there is no room', async () => {
    const alone = new PageModelStore({})
    const get = (wanted: PageModel): Promise<void> => alone.download(wanted, { signal: forever, onProgress() {} }) // prettier-ignore
    expect((await failure(get(model))).code).toBe('page_model_unreachable')
    const huge = { ...model, files: [{ ...file, size: 1e15 }] }
    const full = await failure(get(huge))
    expect(full.code).toBe('storage_quota')
    expect(full.params.needed).toBe(1e15)
    expect(Number(full.params.available)).toBeGreaterThan(0)
  })

  it('fetches a model once, whoever asks', async () => {
    const stores = [1, 2].map(() => new PageModelStore({ ask: companion(bytes) }))
    const results = await Promise.allSettled(
      stores.map((store) => store.download(model, { signal: forever, onProgress() {} })),
    )
    const failed = results.filter((result) => result.status === 'rejected')
    expect(failed).toHaveLength(1)
    expect(failed[0]!.reason).toMatchObject({ code: 'conflict' })
  })
})
