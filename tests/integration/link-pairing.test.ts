import { afterEach, describe, expect, it, vi } from 'vitest'
import { LinkDevice } from './link-device.ts'
import { startLinkHarness, type LinkHarness } from './link-harness.ts'

const never = new AbortController().signal
const closers: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

async function harness(...args: Parameters<typeof startLinkHarness>): Promise<LinkHarness> {
  const started = await startLinkHarness(...args)
  closers.push(() => started.close())
  return started
}

async function device(...args: Parameters<typeof LinkDevice.create>): Promise<LinkDevice> {
  const created = await LinkDevice.create(...args)
  closers.push(() => created.close())
  return created
}

const refused = (code: string) => expect.objectContaining({ type: 'refused', error: expect.objectContaining({ code }) }) // prettier-ignore

describe('pairing by link', () => {
  it('opens no port before the first invitation', async () => {
    const { api } = await harness()
    expect((await api('/api/link')).body).toMatchObject({
      state: 'off',
      companion: { addresses: [] },
    })
  })

  it.each(['webrtc', 'websocket', 'tcp'] as const)('lets a device in over %s', async (road) => {
    const { invite, api, addresses } = await harness()
    const { pairing, link } = await invite('member')
    const phone = await device()
    // Links hold what a browser can dial; a companion has the TCP address besides.
    const withTcp = road === 'tcp' ? `${link}&${new URLSearchParams({ a: (await addresses()).find((each) => /tcp\/\d+\/p2p/.test(each))!.replace(/\/p2p.*/, '') })}` : link // prettier-ignore
    const reply = await phone.pair(withTcp, { road, name: 'Pixel' })
    expect(reply).toMatchObject({
      type: 'paired',
      device: { id: phone.id, name: 'Pixel', role: 'member' },
    })
    const { body } = await api(`/api/pairings/${pairing.id}`)
    expect(body.pairing).toMatchObject({ state: 'paired', device: { id: phone.id } })

    const transport = await phone.transport(await addresses(), road)
    const answer = await transport.request({ method: 'GET', path: '/api/link' }, never)
    expect(await answer.json()).toMatchObject({
      role: 'member',
      road,
      self: { id: phone.id, connected: true, lastRoad: road },
    })
    const folders = await transport.request({ method: 'GET', path: '/api/folders' }, never)
    expect(folders.status).toBe(403)
    expect((await api('/api/devices')).body.devices).toMatchObject([{ id: phone.id, connected: true }]) // prettier-ignore
  })

  it('takes each invitation once', async () => {
    const { invite } = await harness()
    const { link } = await invite()
    const [phone, other] = [await device(), await device()]
    expect(await phone.pair(link)).toMatchObject({ type: 'paired' })
    expect(await other.pair(link)).toEqual(refused('pairing_refused'))
    expect(await phone.pair(link)).toEqual(refused('pairing_refused'))
  })

  it('lets one of two in who come at once', async () => {
    const { invite, api } = await harness()
    const { link } = await invite()
    const devices = await Promise.all([device(), device(), device()])
    const replies = await Promise.all(devices.map((each) => each.pair(link)))
    expect(replies.filter(({ type }) => type === 'paired')).toHaveLength(1)
    expect((await api('/api/devices')).body.devices).toHaveLength(1)
  })

  it('closes after three wrong secrets, for the right one too', async () => {
    const { invite, api } = await harness()
    const { link, pairing } = await invite()
    const phone = await device()
    for (let attempt = 0; attempt < 3; attempt++)
      expect(await phone.pair(link, { secret: 'A'.repeat(22) })).toEqual(refused('pairing_refused'))
    expect(await phone.pair(link)).toEqual(refused('pairing_refused'))
    expect((await api(`/api/pairings/${pairing.id}`)).body.pairing.state).toBe('refused')
    expect((await api('/api/devices')).body.devices).toEqual([])
  })

  it('does not take a proof that another device made', async () => {
    const { invite, api } = await harness()
    const { link } = await invite()
    const [phone, thief] = [await device(), await device()]
    expect(await thief.pair(link, { proofFor: phone.id })).toEqual(refused('pairing_refused'))
    expect((await api('/api/devices')).body.devices).toEqual([])
    expect(await phone.pair(link)).toMatchObject({ type: 'paired' })
  })

  it('expires by its own clock, and is replaced by the next', async () => {
    const { invite, api } = await harness({ overrides: { link: { invitationMs: 300 } } })
    const { link, pairing } = await invite()
    await vi.waitFor(async () =>
      expect((await api(`/api/pairings/${pairing.id}`)).body.pairing.state).toBe('expired'),
    )
    const phone = await device()
    expect(await phone.pair(link)).toEqual(refused('pairing_expired'))
    const first = await invite()
    const second = await invite()
    expect((await api(`/api/pairings/${first.pairing.id}`)).body.pairing.state).toBe('cancelled')
    expect(await phone.pair(first.link)).toEqual(refused('pairing_refused'))
    expect(await phone.pair(second.link)).toMatchObject({ type: 'paired' })
  })

  it('updates a device that pairs again', async () => {
    const { invite, api } = await harness()
    const phone = await device()
    await phone.pair((await invite('guest')).link, { name: 'Old' })
    await phone.pair((await invite('owner')).link, { name: 'New' })
    expect((await api('/api/devices')).body.devices).toMatchObject([{ name: 'New', role: 'owner' }])
  })

  it('refuses a pairing that asks for what is no pairing', async () => {
    const { api } = await harness()
    for (const body of [{}, { id: 'x' }, { id: 'abcdefgh1', role: 'king' }])
      expect((await api('/api/pairings', { method: 'POST', body })).status).toBe(400)
    expect((await api('/api/pairings/unknown123')).body.error.code).toBe('pairing_unknown')
  })
})

/** A tablet asks by code and is answered. */
async function ask(allow: boolean) {
  const { invite, api, addresses } = await harness()
  const { pairing } = await invite('member')
  const tablet = await device()
  const shown = Promise.withResolvers<string>()
  const reply = tablet.pairByCode(await addresses(), shown.resolve)
  const code = await shown.promise
  const { request } = (await api(`/api/pairings/${pairing.id}`)).body.pairing
  expect(request).toEqual({ deviceId: tablet.id, name: 'Tablet', platform: 'test', code })
  expect(code).toMatch(/^\d{6}$/)
  const body = { deviceId: tablet.id, allow }
  const answered = await api(`/api/pairings/${pairing.id}/answer`, { method: 'POST', body })
  expect(answered.status).toBe(200)
  return { reply: await reply, api, tablet }
}

describe('pairing by code', () => {
  it('lets in the device whose code a person confirmed', async () => {
    const { reply, api, tablet } = await ask(true)
    expect(reply).toMatchObject({ type: 'paired', device: { id: tablet.id, role: 'member' } })
    expect((await api('/api/devices')).body.devices).toHaveLength(1)
  })

  it('keeps out the one that was declined', async () => {
    const { reply, api } = await ask(false)
    expect(reply).toEqual(refused('pairing_declined'))
    expect((await api('/api/devices')).body.devices).toEqual([])
  })

  it('shows one request at a time, and forgets one that went away', async () => {
    const { invite, api, addresses } = await harness()
    const { pairing } = await invite()
    const [tablet, other] = [await device(), await device()]
    const shown = Promise.withResolvers<string>()
    tablet.pairByCode(await addresses(), shown.resolve).catch(() => {})
    await shown.promise
    expect(await other.pairByCode(await addresses(), () => {})).toEqual(refused('pairing_refused'))
    await tablet.close()
    await vi.waitFor(async () =>
      expect((await api(`/api/pairings/${pairing.id}`)).body.pairing.request).toBeUndefined(),
    )
    const answer = { method: 'POST', body: { deviceId: tablet.id, allow: true } }
    expect((await api(`/api/pairings/${pairing.id}/answer`, answer)).status).toBe(409)
  })
})
