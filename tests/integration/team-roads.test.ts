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
