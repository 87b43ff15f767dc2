import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createHarness, port, token, type Harness } from './gateway-harness.ts'

let harness: Harness
beforeEach(() => {
  harness = createHarness()
  const web = join(harness.home, 'web')
  mkdirSync(join(web, '_app/immutable'), { recursive: true })
  writeFileSync(join(web, 'index.html'), '<!doctype html><script>start()</script><p>app</p>')
  writeFileSync(join(web, 'artifact-frame.html'), '<!doctype html>')
  writeFileSync(join(web, 'service-worker.js'), 'self.x = 1')
  writeFileSync(join(web, '_app/immutable/a.js'), 'let a = 1')
  writeFileSync(join(web, '_app/immutable/a.js.gz'), gzipSync('let a = 1'))
})
afterEach(() => harness.close())

const stranger = { authorization: '' }
const page = { ...stranger, accept: 'text/html' }

describe('who may come in', () => {
  it('answers /healthz to everyone and /api to the start token only', async () => {
    expect(await harness.json('/healthz', { headers: stranger })).toEqual({ ok: true })
    for (const headers of [
      stranger,
      { authorization: 'Bearer wrong' },
      { authorization: '', cookie: `silo_${port}=wrong` },
    ]) {
      // prettier-ignore
      const response = await harness.send('/api/settings', { headers })
      expect(response.status).toBe(401)
      expect(await response.json()).toMatchObject({ error: { code: 'unauthorized' } })
    }
    expect((await harness.send('/api/settings')).status).toBe(200)
  })

  it('signs a browser in by link, and takes the token out of the address', async () => {
    const response = await harness.send(`/chat/abc?token=${token}&x=1`, { headers: page })
    expect(response.status).toBe(302)
    expect(response.headers.get('location')).toBe('/chat/abc?x=1')
    const cookie = response.headers.get('set-cookie') ?? ''
    expect(cookie).toContain(`silo_${port}=${token}`)
    for (const part of ['HttpOnly', 'SameSite=Strict', 'Path=/', 'Max-Age=34560000'])
      expect(cookie).toContain(part)
    const signedIn = { ...stranger, cookie: cookie.split(';')[0]! }
    expect((await harness.send('/api/settings', { headers: signedIn })).status).toBe(200)

    const wrong = await harness.send('/?token=wrong', { headers: page })
    expect(wrong.status).toBe(302)
    expect(wrong.headers.get('set-cookie')).toBeNull()
    const away = await harness.send('//evil.example/?token=x', { headers: page })
    expect(away.headers.get('location')).toBe('/evil.example/')
  })

  it('lets API keys into /v1 and the detection addresses only', async () => {
    const { secret, key } = await harness.json('/api/keys', { method: 'POST', body: { name: 'k' } })
    const headers = { authorization: `Bearer ${secret}` }
    expect((await harness.send('/v1/models', { headers })).status).toBe(200)
    expect((await harness.send('/api/tags', { headers })).status).toBe(200)
    const refused = await harness.send('/api/settings', { headers })
    expect(refused.status).toBe(403)
    expect(await refused.json()).toMatchObject({ error: { code: 'forbidden' } })
    expect((await harness.send(`/api/keys/${key.id}`, { method: 'DELETE' })).status).toBe(204)
    expect((await harness.send('/v1/models', { headers })).status).toBe(401)
    expect(await harness.json('/v1/models', { headers })).toMatchObject({
      error: { code: 'unauthorized', type: 'authentication_error', param: null },
    })
  })

  it('refuses foreign hosts and foreign origins', async () => {
    for (const host of [
      'evil.example',
      `evil.example:${port}`,
      'localhost:1',
      'localhost',
      'silo.lan.evil.example',
      `localhost:${port}@evil`,
    ])
      // prettier-ignore
      for (const path of ['/', '/api/settings'])
        expect(await harness.json(path, { headers: { host } })).toMatchObject({
          error: { code: 'forbidden_host' },
        })
    for (const host of [
      `127.0.0.1:${port}`,
      `[::1]:${port}`,
      `LOCALHOST:${port}`,
      'silo.lan',
      `silo.lan:${port}`,
    ])
      // prettier-ignore
      expect((await harness.send('/api/settings', { headers: { host } })).status).toBe(200)

    for (const origin of [
      'https://evil.example',
      'null',
      `http://localhost:1`,
      `http://127.0.0.1:${port}`,
    ])
      // prettier-ignore
      expect(await harness.json('/api/settings', { headers: { origin } })).toMatchObject({
        error: { code: 'forbidden_origin' },
      })
    const own = { origin: `http://localhost:${port}` }
    expect((await harness.send('/api/settings', { headers: own })).status).toBe(200)
    for (const site of ['cross-site', 'same-site'])
      expect((await harness.send('/api/settings', { headers: { 'sec-fetch-site': site } })).status).toBe(403) // prettier-ignore
  })

  it('trusts a caller that another road names, and no header does', async () => {
    const request = new Request('http://silo/api/settings')
    expect((await harness.app.fetch(request, { caller: { kind: 'owner' } })).status).toBe(200)
    expect((await harness.app.fetch(new Request('http://silo/api/settings'), {})).status).toBe(403)
    expect((await harness.send('/api/settings', { headers: { ...stranger, caller: 'owner' } })).status).toBe(401) // prettier-ignore
  })
})

describe('the app’s files', () => {
  it('gives the page without a token, with a policy that knows its inline script', async () => {
    for (const path of ['/', '/chat/abc', '/index.html']) {
      const response = await harness.send(path, { headers: page })
      expect(response.status).toBe(200)
      expect(await response.text()).toContain('<p>app</p>')
      expect(response.headers.get('cache-control')).toBe('no-cache')
      const policy = response.headers.get('content-security-policy') ?? ''
      expect(policy).toMatch(/script-src 'self' 'wasm-unsafe-eval' 'sha256-[A-Za-z0-9+/=]{44}'/)
      expect(policy).toContain("frame-ancestors 'none'")
      expect(response.headers.get('cross-origin-embedder-policy')).toBe('require-corp')
      expect(response.headers.get('x-content-type-options')).toBe('nosniff')
      expect(response.headers.get('referrer-policy')).toBe('no-referrer')
    }
  })

  it('serves what is built packed, for ever, and nothing outside', async () => {
    const packed = await harness.send('/_app/immutable/a.js', { headers: { ...stranger, 'accept-encoding': 'gzip, br' } }) // prettier-ignore
    expect(packed.headers.get('content-encoding')).toBe('gzip')
    expect(packed.headers.get('content-type')).toContain('javascript')
    expect(packed.headers.get('cache-control')).toContain('immutable')
    const plain = await harness.send('/_app/immutable/a.js', { headers: stranger })
    expect(await plain.text()).toBe('let a = 1')
    const worker = await harness.send('/service-worker.js', { headers: stranger })
    expect(worker.headers.get('cache-control')).toBe('no-cache')
    const etag = { ...stranger, 'if-none-match': worker.headers.get('etag')! }
    expect((await harness.send('/service-worker.js', { headers: etag })).status).toBe(304)
    for (const path of [
      '/..%2fsilo.db',
      '/%2e%2e/silo.db',
      '/_app/..%5c..%5csilo.db',
      '/%00',
      '/%zz',
      '/none.js',
      '/_app',
    ])
      // prettier-ignore
      expect((await harness.send(path, { headers: stranger })).status).toBe(404)
  })

  it('boxes every other page in', async () => {
    const frame = await harness.send('/artifact-frame.html', { headers: page })
    const policy = frame.headers.get('content-security-policy')
    expect(policy).toContain('sandbox allow-scripts')
    expect(policy).toContain("default-src 'none'")
  })
})
