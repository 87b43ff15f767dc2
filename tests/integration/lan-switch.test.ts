import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterEach, describe, expect, it } from 'vitest'
import { ask, createLanHarness, until, type LanHarness } from './lan-harness.ts'
import { createMulticast } from '#companion/lan/multicast.ts'

let harness: LanHarness
afterEach(() => harness.close())

/** Throws if another program has the port. */
async function takePort(port: number): Promise<() => Promise<void>> {
  const server = createServer()
  server.listen(port, '0.0.0.0')
  await once(server, 'listening')
  return () => new Promise((resolve) => server.close(() => resolve()))
}
const portsOf = (urls: readonly string[]): number[] => [
  ...new Set(urls.map((url) => Number(new URL(url).port))),
]

describe('the local network’s switch', () => {
  it('is off at first, works without a restart, frees its ports, and is remembered', async () => {
    harness = await createLanHarness({ SILO_LAN: '' })
    expect(await harness.lan()).toEqual({
      state: 'off',
      allowed: true,
      appUrls: [],
      installUrls: [],
      names: [],
    })
    const on = await harness.turn(true)
    expect(on.state).toBe('on')
    const ports = portsOf([...on.appUrls, ...on.installUrls])
    expect(ports).toHaveLength(2)
    for (const port of ports) await expect(takePort(port)).rejects.toThrow('EADDRINUSE')
    const ca = readFileSync(join(harness.home, 'lan', 'ca.pem'), 'utf8')
    expect((await ask(on.appUrls[0]!, { ca })).status).toBe(200)
    expect(await harness.turn(true)).toMatchObject({ appUrls: expect.arrayContaining(on.appUrls) })

    await harness.restart({ SILO_LAN: '' })
    const again = await harness.lan()
    expect(again.state).toBe('on')
    expect(again.authority).toEqual(on.authority)
    const { names } = await until(harness.lan, (lan) => lan.names.includes('silo.local'))

    const said: string[] = []
    const phone = createMulticast({ address: '127.0.0.1', port: harness.multicastPort })
    phone.onMessage(({ answers = [] }) => {
      for (const answer of answers)
        if (answer.type === 'A' && answer.ttl === 0) said.push(answer.name)
    })
    await new Promise<void>((resolve) => phone.onReady(resolve))
    expect((await harness.turn(false)).state).toBe('off')
    await until(
      () => said,
      () => names.every((name) => said.includes(name)),
    )
    await phone.close()
    for (const port of portsOf([...again.appUrls, ...again.installUrls]))
      await (
        await takePort(port)
      )()
    await harness.restart({ SILO_LAN: '1' })
    expect((await harness.lan()).state).toBe('off')
  })

  it('can be forbidden, is the owner’s, and takes nothing but on and off', async () => {
    harness = await createLanHarness({ SILO_LAN: '0' })
    expect(await harness.lan()).toMatchObject({ state: 'off', allowed: false })
    await expect(harness.turn(true)).rejects.toThrow('lan_not_allowed')
    await harness.turn(false)
    const { url, token } = harness.companion
    const patch = (headers: Record<string, string>, body: string) =>
      fetch(`${url}/api/lan`, { method: 'PATCH', headers, body })
    expect((await patch({}, '{"on":true}')).status).toBe(401)
    for (const body of ['{}', '{"on":"yes"}', 'on'])
      expect((await patch({ authorization: `Bearer ${token}` }, body)).status).toBe(400)
    // The other way to change settings leaves it alone.
    await fetch(`${url}/api/settings`, { method: 'PATCH', headers: { authorization: `Bearer ${token}` }, body: '{"lan":true}' }) // prettier-ignore
    await harness.restart({ SILO_LAN: '' })
    expect((await harness.lan()).state).toBe('off')
  })

  it('says that a port is taken, goes on without, and works when it is free', async () => {
    const probe = createServer().listen(0, '0.0.0.0')
    await once(probe, 'listening')
    const { port } = probe.address() as { port: number }
    await new Promise((resolve) => probe.close(resolve))
    const release = await takePort(port + 3)
    harness = await createLanHarness({ SILO_LAN_PORT: String(port) })
    expect(await harness.lan()).toMatchObject({
      state: 'failed',
      error: { code: 'lan_port_in_use', params: { port: port + 3 } },
      appUrls: [],
    })
    // The half that was opened is closed again.
    await (
      await takePort(port)
    )()
    await release()
    const on = await harness.turn(true)
    expect(on.state).toBe('on')
    expect(on.error).toBeUndefined()
    expect(portsOf(on.appUrls)).toEqual([port])
    expect(portsOf(on.installUrls)).toEqual([port + 3])
  })
})

describe('when the machine’s address changes', () => {
  it('gets a certificate for the new one, under the same authority, and answers there only', async () => {
    harness = await createLanHarness()
    const before = await until(harness.lan, ({ names }) => names.length === 2)
    const ca = readFileSync(join(harness.home, 'lan', 'ca.pem'), 'utf8')
    // It follows the names a moment later.
    const first = await until(
      async () => (await ask(before.appUrls[0]!, { ca })).certificate!,
      (certificate) => before.names.every((name) => certificate.names.includes(name)),
    )
    expect((await ask(before.appUrls[0]!, { ca })).certificate).toEqual(first)

    harness.moveTo(6, 7)
    const after = await until(harness.lan, ({ appUrls, names }) => appUrls[0]!.includes('127.0.0.6') && names.length === 2) // prettier-ignore
    expect(after.appUrls.slice(0, 2).map((url) => new URL(url).hostname)).toEqual(['127.0.0.6', '127.0.0.7']) // prettier-ignore
    expect(after.authority).toEqual(before.authority)
    const second = await until(
      async () => (await ask(before.appUrls[0]!.replace('127.0.0.5', 'localhost'), { ca })).certificate!, // prettier-ignore
      ({ names }) => names.includes('127.0.0.7') && names.includes('silo.local'),
    )
    expect(second.names).not.toContain('127.0.0.5')
    expect(second.fingerprint).not.toBe(first.fingerprint)
    for (const url of after.appUrls.slice(0, 2)) expect((await ask(url, { ca })).status).toBe(200)
    await expect(ask(before.appUrls[0]!, { ca })).rejects.toMatchObject({ code: 'ERR_TLS_CERT_ALTNAME_INVALID' }) // prettier-ignore
  })
})

describe('the command line', () => {
  const launcher = fileURLToPath(new URL('../../companion/setup/silo.mjs', import.meta.url))
  const silo = (home: string, ...args: string[]) =>
    promisify(execFile)(process.execPath, [launcher, 'lan', ...args], {
      env: { ...process.env, SILO_HOME: home, LC_ALL: 'en_US.UTF-8' },
      timeout: 60_000,
    }).catch((error: { stdout: string; stderr: string; code: number }) => error)

  it('turns it on and off and says how it is reached', async () => {
    harness = await createLanHarness({ SILO_LAN: '' })
    expect((await silo(harness.home)).stdout).toContain('silo lan on')
    const { stdout } = await silo(harness.home, 'on')
    const lan = await harness.lan()
    expect(lan.state).toBe('on')
    for (const text of [lan.appUrls[0]!, lan.installUrls[0]!, lan.authority!.fingerprint])
      expect(stdout).toContain(text)
    expect(JSON.parse((await silo(harness.home, 'status', '--json')).stdout).lan.state).toBe('on')
    expect((await silo(harness.home, 'off')).stdout).toContain('silo lan on')
    expect((await harness.lan()).state).toBe('off')
    expect(await silo(harness.home, 'sideways')).toMatchObject({ code: 1 })
  })
})

describe('with other devices let in, and the app not served', () => {
  it('answers for the names', async () => {
    harness = await createLanHarness({ SILO_LAN: '', SILO_LINK_PORT: '0' })
    expect((await harness.lan()).names).toEqual([])
    const { url, token } = harness.companion
    const invited = await fetch(`${url}/api/pairings`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}` },
      body: JSON.stringify({ id: 'pairing-for-names' }),
    })
    expect(invited.status).toBe(201)
    const lan = await until(harness.lan, ({ names }) => names.includes('silo.local'))
    expect(lan).toMatchObject({ state: 'off', appUrls: [], installUrls: [] })
  })
})
