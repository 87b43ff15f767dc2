import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { afterEach, expect, it, vi } from 'vitest'
import { newId } from '#shared/domain/ids.ts'
import type { Role } from '#shared/domain/device.ts'
import type { Join } from '#shared/protocol/team.ts'
import { startLinkHarness, type LinkHarness } from './link-harness.ts'

const pace = { firstWaitMs: 50, longestWaitMs: 400, pingMs: 300 }
let open: LinkHarness[] = []
afterEach(async () => {
  await Promise.all(open.splice(0).map((harness) => harness.close()))
})

async function companion(name: string, options: { home?: string; linkPort?: number } = {}) {
  const harness = await startLinkHarness({
    ...options,
    overrides: { link: { name, standing: pace } },
  })
  open.push(harness)
  return harness
}

async function joined(harness: LinkHarness, target: object, role?: Role): Promise<Join> {
  const id = newId()
  const started = await harness.api('/api/joins', {
    method: 'POST',
    body: { id, target, ...(role ? { role } : {}) },
  })
  expect(started.status).toBe(202)
  return vi.waitFor(async () => {
    const { join } = (await harness.api(`/api/joins/${id}`)).body
    expect(join.state).toMatch(/joined|failed|cancelled/)
    return join
  }, 10_000)
}
const bookOf = async (harness: LinkHarness) => (await harness.api('/api/devices')).body.devices
const connected = (harness: LinkHarness) =>
  vi.waitFor(async () => {
    const [device] = await bookOf(harness)
    expect(device).toMatchObject({ connected: true })
    return device
  }, 10_000)

it('pairs two companions by the link: each with the role the other chose for it', async () => {
  const [desk, laptop] = [await companion('Desk'), await companion('Laptop')]
  const { link } = await desk.invite('member')
  const join = await joined(laptop, { by: 'link', link })
  expect(join).toMatchObject({ state: 'joined', as: 'member', role: 'guest' })
  expect(await connected(desk)).toMatchObject({ name: 'Laptop', kind: 'companion', role: 'member' })
  expect(await connected(laptop)).toMatchObject({ name: 'Desk', kind: 'companion', role: 'guest' })
  // A link is for one device, however often it is tried.
  const again = await joined(await companion('Third'), { by: 'link', link })
  expect(again).toMatchObject({ state: 'failed', error: { code: 'pairing_refused' } })
}, 30_000)

it('pairs by a code that a person compares, and ends when one says no', async () => {
  const [desk, laptop] = [await companion('Desk'), await companion('Laptop')]
  for (const [allow, state] of [
    [false, 'failed'],
    [true, 'joined'],
  ] as const) {
    const { pairing } = await desk.invite('owner')
    const id = newId()
    const target = { by: 'code', address: pairing.shortAddresses[0] }
    await laptop.api('/api/joins', { method: 'POST', body: { id, target, role: 'owner' } })
    const shown = await vi.waitFor(async () => {
      const { join } = (await laptop.api(`/api/joins/${id}`)).body
      expect(join).toMatchObject({ state: 'comparing', code: expect.stringMatching(/^\d{6}$/) })
      return join.code
    }, 10_000)
    const { request } = (await desk.api(`/api/pairings/${pairing.id}`)).body.pairing
    expect(request.code).toBe(shown)
    const answer = { deviceId: request.deviceId, allow }
    await desk.api(`/api/pairings/${pairing.id}/answer`, { method: 'POST', body: answer })
    await vi.waitFor(async () => {
      expect((await laptop.api(`/api/joins/${id}`)).body.join).toMatchObject({ state })
    }, 10_000)
    if (!allow) expect(await bookOf(laptop)).toEqual([])
  }
  expect(await connected(laptop)).toMatchObject({ name: 'Desk', role: 'owner' })
  expect(await connected(desk)).toMatchObject({ name: 'Laptop', role: 'owner' })
}, 30_000)

it('refuses what leads nowhere: no link, a link to itself, an address of nobody', async () => {
  const desk = await companion('Desk')
  const { link } = await desk.invite()
  const join = (target: object) =>
    desk.api('/api/joins', { method: 'POST', body: { id: newId(), target } })
  expect((await join({ by: 'link', link: 'hello' })).body.error.code).toBe('pairing_link_invalid')
  expect((await join({ by: 'link', link })).body.error.code).toBe('bad_request')
  expect((await join({ by: 'code', address: 'a b' })).body.error.code).toBe('bad_request')
  const nobody = { by: 'peer', peerId: `12D3KooW${'A'.repeat(44)}` }
  expect((await join(nobody)).body.error.code).toBe('device_unknown')
  const closed = await joined(desk, { by: 'code', address: '127.0.0.1:9' })
  expect(closed).toMatchObject({ state: 'failed', error: { code: 'peer_unreachable' } })
}, 30_000)

it('joins from the command line', async () => {
  const [desk, laptop] = [await companion('Desk'), await companion('Laptop')]
  const { link } = await desk.invite('owner')
  const launcher = fileURLToPath(new URL('../../companion/setup/silo.mjs', import.meta.url))
  const child = spawn(process.execPath, [launcher, 'pair', link, '--role', 'owner'], {
    env: { ...process.env, SILO_HOME: laptop.home, SILO_PORT: '1', LC_ALL: 'C.UTF-8' },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [stdout, code] = await Promise.all([text(child.stdout), once(child, 'close').then(([exit]) => exit)]) // prettier-ignore
  expect(code).toBe(0)
  expect(stdout).toContain('Connected with “Desk”: here it is owner, there this computer is owner.')
  await connected(laptop)
}, 60_000)
