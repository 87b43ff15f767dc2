import { X509Certificate } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ask, createLanHarness, until, type LanHarness } from './lan-harness.ts'
import { LanServer } from '#companion/lan/lan-server.ts'
import { LocalCa } from '#companion/lan/local-ca.ts'
import { Seal } from '#companion/seal/seal.ts'
import { SecretFiles } from '#companion/seal/secret-files.ts'
import type { Lan } from '#shared/protocol/lan.ts'

let harness: LanHarness
let lan: Lan
let ca: string
let app: string
let install: string
beforeAll(async () => {
  harness = await createLanHarness()
  lan = await until(harness.lan, ({ names }) => names.length === 2)
  app = lan.appUrls[0]!
  install = lan.installUrls[0]!
  ca = (await ask(`${install}silo-ca.pem`)).text
})
afterAll(() => harness.close())

describe('the app over https', () => {
  it('is served to whoever trusts the authority, isolated as the page needs it', async () => {
    expect(lan).toMatchObject({ state: 'on', allowed: true })
    expect(app).toMatch(/^https:\/\/127\.0\.0\.5:\d+$/)
    for (const url of [app, app.replace('127.0.0.5', 'localhost')]) {
      const page = await ask(url, { ca })
      expect(page.status).toBe(200)
      expect(page.text).toContain('<p>app</p>')
      expect(page.headers['cross-origin-opener-policy']).toBe('same-origin')
      expect(page.headers['cross-origin-embedder-policy']).toBe('require-corp')
    }
    expect((await ask(`${app}/service-worker.js`, { ca })).text).toBe('self.x = 1')
    await expect(ask(app)).rejects.toMatchObject({ code: 'SELF_SIGNED_CERT_IN_CHAIN' })
    // Asked by another address than the certificate names.
    await expect(ask(app.replace('127.0.0.5', '127.0.0.77'), { ca })).rejects.toMatchObject({ code: 'ERR_TLS_CERT_ALTNAME_INVALID' }) // prettier-ignore
  })

  it('has the names of this machine in its certificate', async () => {
    // It follows the names a moment later.
    const certificate = await until(
      async () => (await ask(app, { ca })).certificate,
      (shown) => lan.names.every((name) => shown?.names.includes(name)),
    )
    const own = lan.names.find((name) => /^silo-[0-9a-z]{6}\.local$/.test(name))!
    for (const name of [
      'DNS:silo.local',
      `DNS:${own}`,
      'DNS:localhost',
      'IP Address:127.0.0.5',
      'IP Address:127.0.0.1',
    ])
      // prettier-ignore
      expect(certificate?.names).toContain(name)
    expect(lan.appUrls.slice(1)).toEqual(lan.names.map((name) => `https://${name}:${new URL(app).port}`)) // prettier-ignore
  })

  it('keeps the API for whoever signs in with the start token', async () => {
    const strangers: Record<string, string>[] = [{}, { authorization: 'Bearer wrong' }, { cookie: 'silo_0=x' }] // prettier-ignore
    for (const headers of strangers) {
      const refused = await ask(`${app}/api/settings`, { ca, headers })
      expect(refused.status).toBe(401)
      expect(JSON.parse(refused.text)).toMatchObject({ error: { code: 'unauthorized' } })
    }
    const { token } = harness.companion
    const signIn = await ask(`${app}/?token=${token}`, { ca })
    expect(signIn.status).toBe(302)
    const cookie = String(signIn.headers['set-cookie'])
    for (const part of [`silo_${new URL(app).port}=`, 'HttpOnly', 'Secure', 'SameSite=Strict'])
      expect(cookie).toContain(part)
    const headers = { cookie: cookie.split(';')[0]! }
    expect((await ask(`${app}/api/settings`, { ca, headers })).status).toBe(200)
    // The cookie of one server is none of the other's.
    expect((await ask(`${harness.companion.url}/api/settings`, { headers })).status).toBe(401)
    expect((await ask(`${app}/api/settings`, { ca, headers: { ...headers, origin: 'https://evil.example' } })).status).toBe(403) // prettier-ignore
    expect((await ask(`${app}/api/settings`, { ca, headers: { ...headers, origin: app } })).status).toBe(200) // prettier-ignore
    expect((await ask(`${app}/api/settings`, { ca, headers: { ...headers, origin: app.replace('https', 'http') } })).status).toBe(403) // prettier-ignore
  })

  it('answers to its own names and addresses only, on its own port', async () => {
    const { port } = new URL(app)
    const loopbackPort = new URL(harness.companion.url).port
    const authorization = `Bearer ${harness.companion.token}`
    for (const host of [
      'evil.example',
      `evil.example:${port}`,
      `silo.local.evil.example:${port}`,
      `silo.local:${loopbackPort}`,
      'silo.local',
      `192.168.1.5:${port}`,
      `127.0.0.6:${port}`,
      `[::1]:${port}`,
      `nas.local:${port}`,
    ])
      for (const path of ['/', '/api/settings']) {
        const refused = await ask(app + path, { ca, headers: { host, authorization } })
        expect(refused.status, host).toBe(403)
        expect(refused.text, host).not.toContain('<p>app</p>')
      }
    for (const host of [`silo.local:${port}`, `SILO.local:${port}`, `localhost:${port}`, `127.0.0.5:${port}`]) // prettier-ignore
      expect((await ask(`${app}/api/settings`, { ca, headers: { host, authorization } })).status, host).toBe(200) // prettier-ignore

    // And the names of this server open nothing at the loopback address.
    for (const host of [`silo.local:${loopbackPort}`, `127.0.0.5:${loopbackPort}`, `silo.local:${port}`]) // prettier-ignore
      expect((await ask(`${harness.companion.url}/api/settings`, { headers: { host, authorization } })).status, host).toBe(403) // prettier-ignore
  })

  it('is not for addresses outside private networks', async () => {
    const authority = await LocalCa.open({ folder: `${harness.home}/other`, name: 'x', secrets: new SecretFiles(new Seal()) }) // prettier-ignore
    const certificate = await authority.issue(['localhost'], [])
    let asked = 0
    // An address that is of no network we know stands for a public one.
    const server = await LanServer.listen({
      app: { fetch: () => (asked++, new Response('app')) },
      install: () => (asked++, new Response('page')),
      port: 0,
      accepts: () => true,
      certificate,
      host: '::1',
    })
    for (const url of [`https://[::1]:${server.port}/`, `http://[::1]:${server.installPort}/`])
      await expect(ask(url, { ca: authority.pem })).rejects.toMatchObject({ code: 'ECONNRESET' })
    expect(asked).toBe(0)
    await server.close()
  })
})

describe('the page about the certificate', () => {
  it('explains in the reader’s language, for the reader’s system first', async () => {
    const zh = await ask(install, {
      headers: { 'accept-language': 'zh-CN,zh;q=0.9,en;q=0.8', 'user-agent': 'Mozilla/5.0 (iPhone; CPU iPhone OS 19_0)' }, // prettier-ignore
    })
    expect(zh.status).toBe(200)
    expect(zh.text).toContain('<html lang="zh-CN">')
    expect(zh.text).toMatch(/<details open><summary>iPhone 和 iPad/)
    expect(zh.text.match(/<details/g)).toHaveLength(5)
    const en = await ask(`${install}?lang=en`, { headers: { 'accept-language': 'zh' } })
    expect(en.text).toContain('<html lang="en">')
    expect(en.text).not.toContain('<details open')
    const policy = String(en.headers['content-security-policy'])
    expect(policy).toMatch(/^default-src 'none'; style-src 'sha256-[^']+'; base-uri/)
    expect(en.text).not.toMatch(/<script|<img|src=|style=/)
    for (const group of lan.authority!.fingerprint.match(/..:..(?=:|$)/g)!)
      expect(en.text).toContain(`<span>${group}</span>`)
    // By name first, since the address may change; by address for phones that find no names.
    expect(en.text).toContain(`href="https://${lan.names[0]}:${new URL(app).port}/"`)
    expect(en.text).toContain(`href="${app}/"`)
  })

  it('gives the certificate in the form each system takes', async () => {
    const authority = new X509Certificate(ca)
    expect(authority.fingerprint256).toBe(lan.authority!.fingerprint)
    const der = await ask(`${install}silo-ca.crt`)
    expect(der.headers['content-type']).toBe('application/x-x509-ca-cert')
    expect(der.headers['content-disposition']).toBe('attachment; filename="silo-ca.crt"')
    expect(der.bytes.equals(authority.raw)).toBe(true)
    const profile = await ask(`${install}silo-ca.mobileconfig`)
    expect(profile.headers['content-type']).toBe('application/x-apple-aspen-config')
    expect(profile.headers['content-disposition']).toBeUndefined()
    const data = /<data>([\sA-Za-z0-9+/=]+)<\/data>/.exec(profile.text)![1]!
    expect(Buffer.from(data, 'base64').equals(authority.raw)).toBe(true)
    expect(profile.text.match(/<string>[0-9A-F]{8}(-[0-9A-F]{4}){3}-[0-9A-F]{12}<\/string>/g)).toHaveLength(2) // prettier-ignore
  })

  it('has neither app nor API, and leads to the app', async () => {
    const authorization = `Bearer ${harness.companion.token}`
    for (const path of ['api/settings', 'api', 'v1/models'])
      expect((await ask(install + path, { headers: { authorization } })).status).toBe(404)
    const moved = await ask(`${install}pair?x=1`)
    expect(moved.status).toBe(302)
    expect(moved.headers.location).toBe(`${app}/pair?x=1`)
    expect((await ask(`${install}/evil.example/`)).headers.location).toBe(`${app}/evil.example/`)
    expect((await ask(install, { method: 'POST' })).status).toBe(405)
    for (const host of [
      'evil.example',
      `evil.example:${new URL(install).port}`,
      `127.0.0.5:${new URL(app).port}`,
    ])
      // prettier-ignore
      for (const path of ['', 'silo-ca.crt', 'pair']) {
        const refused = await ask(install + path, { headers: { host } })
        expect(refused.status).toBe(403)
        expect(refused.headers.location).toBeUndefined()
      }
  })
})
