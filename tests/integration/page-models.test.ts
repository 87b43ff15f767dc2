import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as v from 'valibot'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startCompanion, type Companion } from '#companion/compose.ts'
import { pageModelListSchema, type PageModelOffer } from '#shared/domain/page-model.ts'
import { createFakeEngine } from '#tests/fakes/engine.ts'
import { testModel } from '#tests/models.ts'

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

describe('models for pages', () => {
  const home = mkdtempSync(join(tmpdir(), 'silo-page-models-'))
  let companion: Companion

  const send = (path: string, headers: Record<string, string> = {}): Promise<Response> =>
    fetch(`${companion.url}${path}`, {
      headers: { authorization: `Bearer ${companion.token}`, ...headers },
    })
  const offers = async (): Promise<PageModelOffer[]> =>
    v.parse(pageModelListSchema, await (await send('/api/page-models')).json()).models

  beforeAll(async () => {
    mkdirSync(join(home, 'models'))
    symlinkSync(testModel('smollm2-135m'), join(home, 'models', 'smollm2-135m.gguf'))
    const config = { home, port: 0, host: '127.0.0.1', logLevel: 'error', offline: true, allowedHosts: [], link: false } as const // prettier-ignore
    companion = await startCompanion(config as never, { engine: createFakeEngine() })
  })
  afterAll(async () => {
    await companion.close()
    rmSync(home, { recursive: true, force: true })
  })

  it('lists what is installed, with sizes and sums', async () => {
    expect(await offers()).toEqual([
      {
        id: 'smollm2-135m',
        files: [
          {
            name: 'smollm2-135m.gguf',
            size: 98_362_432,
            sha256: 'b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53',
          },
        ],
      },
    ])
  })

  it('sends the file whole and in ranges that add up', async () => {
    const path = '/api/page-models/smollm2-135m/files/smollm2-135m.gguf'
    const whole = await send(path)
    const bytes = new Uint8Array(await whole.arrayBuffer())
    expect(whole.headers.get('accept-ranges')).toBe('bytes')
    expect(sha256(bytes)).toBe((await offers())[0]!.files[0]!.sha256)
    const middle = await send(path, { range: 'bytes=1000-1999' })
    expect(middle.status).toBe(206)
    expect(middle.headers.get('content-range')).toBe('bytes 1000-1999/98362432')
    expect(new Uint8Array(await middle.arrayBuffer())).toEqual(bytes.slice(1000, 2000))
    const end = await send(path, { range: 'bytes=98362400-' })
    expect(new Uint8Array(await end.arrayBuffer())).toEqual(bytes.slice(98_362_400))
    const tail = await send(path, { range: 'bytes=-10' })
    expect(new Uint8Array(await tail.arrayBuffer())).toEqual(bytes.slice(-10))
    expect((await send(path, { range: 'bytes=98362432-' })).status).toBe(416)
  })

  it('starts over for a client that has begun another file', async () => {
    const path = '/api/page-models/smollm2-135m/files/smollm2-135m.gguf'
    const answer = await send(path, { range: 'bytes=10-19', 'if-range': '"another"' })
    expect(answer.status).toBe(200)
    await answer.body?.cancel()
  })

  it.each([
    '/api/page-models/smollm2-135m/files/other.gguf',
    '/api/page-models/qwen2.5-coder-0.5b/files/qwen2.5-coder-0.5b.gguf',
    '/api/page-models/smollm2-135m/files/..%2F..%2Ftoken',
    '/api/page-models/..%2Fmodels/files/smollm2-135m.gguf',
    '/api/page-models/..%2F/files/token',
  ])('knows nothing of %s', async (path) => {
    const answer = await send(path)
    expect(answer.status).toBe(404)
  })

  it('says nothing to strangers', async () => {
    expect((await fetch(`${companion.url}/api/page-models`)).status).toBe(401)
  })

  it('offers compiled models with the library they belong to, as their folder says', async () => {
    const folder = join(home, 'page-models', 'tiny-MLC')
    mkdirSync(folder, { recursive: true })
    const library = Buffer.from('a library')
    writeFileSync(join(folder, 'lib.wasm'), library)
    const file = { name: 'lib.wasm', size: library.length, sha256: sha256(library) }
    const pair = { webLlm: '0.2.86', libraries: 'v0_2_86/base', library: 'lib.wasm' }
    writeFileSync(
      join(folder, 'pair.json'),
      JSON.stringify({ id: 'tiny-MLC', files: [file, { ...file, name: 'missing.bin' }], pair }),
    )
    // Names are never paths, and a folder speaks for itself only.
    for (const [name, body] of [
      ['evil', { id: 'evil', files: [{ ...file, name: '../../token' }], pair }],
      ['liar', { id: 'tiny-MLC', files: [file], pair }],
    ] as const) {
      mkdirSync(join(home, 'page-models', name))
      writeFileSync(join(home, 'page-models', name, 'pair.json'), JSON.stringify(body))
    }
    expect((await offers()).map(({ id }) => id)).toEqual(['smollm2-135m', 'tiny-MLC'])
    const sent = await send('/api/page-models/tiny-MLC/files/lib.wasm')
    expect(Buffer.from(await sent.arrayBuffer())).toEqual(library)
    expect((await send('/api/page-models/tiny-MLC/files/missing.bin')).status).toBe(409)
    expect((await send('/api/page-models/tiny-MLC/files/pair.json')).status).toBe(404)
    writeFileSync(join(folder, 'lib.wasm'), 'another library')
    expect((await send('/api/page-models/tiny-MLC/files/lib.wasm')).status).toBe(422)
  })
})
