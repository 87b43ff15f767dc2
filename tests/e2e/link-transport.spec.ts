import { createServer, type AddressInfo } from 'node:net'
import {
  chromium,
  expect,
  test,
  type Browser,
  type BrowserContext,
  type Page,
} from '@playwright/test'
import { decodeInvitation, encodeInvitation } from '#shared/protocol/pairing.ts'
import {
  deviceListSchema,
  pairingCreatedSchema,
  pairingResponseSchema,
} from '#shared/protocol/link.ts'
import { newId } from '#shared/domain/ids.ts'
import * as v from 'valibot'
import { hostApp, type AppHost } from './app-host.ts'
import { launchOptions } from './browser.ts'
import { makeHome, removeHome, startCompanionProcess, type RunningCompanion } from './companion.ts'
import { startRelay, type Relay } from './relay.ts'

/** A page at another origin than the companion's: pairs, talks over each road, loses the connection, is shut out. */
test.describe.configure({ mode: 'serial' })

/** Long enough to be interrupted, and numbered, so that a word lost or doubled shows. */
const words = Array.from({ length: 300 }, (_, index) => `w${index}`)
const answerMs = 90_000
/** Keys, candidates and a handshake take their time while the machine does other work. */
const roadMs = 60_000

let companion: RunningCompanion
let host: AppHost
let relay: Relay
let linkPort: number
const home = makeHome([])

test.beforeAll(async () => {
  linkPort = await freePort()
  companion = await start()
  await asOwner('/api/settings', { method: 'PATCH', body: JSON.stringify({ onboarded: true }) })
  relay = await startRelay(linkPort)
  host = await hostApp()
})
test.afterAll(async () => {
  await host?.close()
  await relay?.close()
  await companion?.stop()
  removeHome(home)
})

/** The real companion with an engine that says numbered words, always on the same ports. */
function start(): Promise<RunningCompanion> {
  return startCompanionProcess(
    home,
    {
      SILO_LINK_PORT: String(linkPort),
      SILO_PORT: companion ? new URL(companion.url).port : '0',
      SILO_FAKE_REPLY: words.join(' '),
      SILO_FAKE_DELAY: '20',
    },
    'tests/fakes/companion.ts',
  )
}

/** Free for TCP, and with luck for UDP and its neighbour too. */
async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise<void>((resolve) => server.close(() => resolve()))
  return port
}

async function asOwner(path: string, init: RequestInit = {}): Promise<unknown> {
  const token = new URL(companion.urlWithToken).searchParams.get('token')
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
  const response = await fetch(`${companion.url}${path}`, { ...init, headers })
  expect(response.ok, `${init.method ?? 'GET'} ${path}: ${response.status}`).toBe(true)
  return response.status === 204 ? undefined : response.json()
}

/** A fresh link to the page on the other origin; `through` sends every address by the relay. */
async function pairingLink({ through = false } = {}): Promise<string> {
  const body = JSON.stringify({ id: newId(), role: 'owner' })
  const created = await asOwner('/api/pairings', { method: 'POST', body })
  const invitation = decodeInvitation(v.parse(pairingCreatedSchema, created).link)
  const addresses = through
    ? invitation.addresses.map((address) =>
        address
          .replace(/^\/ip4\/[^/]+/, '/ip4/127.0.0.1')
          .replace(/\/(tcp|udp)\/\d+/, `/$1/${relay.port}`),
      )
    : invitation.addresses
  return encodeInvitation(host.url, { ...invitation, addresses: [...new Set(addresses)] })
}

async function pair(page: Page, link: string): Promise<void> {
  await page.goto(link)
  await expect(page.getByTestId('pair-page')).toHaveAttribute('data-stage', 'ready', { timeout: roadMs }) // prettier-ignore
  expect(page.url(), 'the secret leaves the address bar').not.toContain('#')
  await page.getByTestId('pair-now').click()
  await expect(page.getByTestId('pair-page')).toHaveAttribute('data-stage', 'done', { timeout: roadMs }) // prettier-ignore
  await page.getByTestId('open-silo').click()
}

async function onRoad(page: Page, road: 'webrtc' | 'websocket'): Promise<void> {
  const chip = page.getByTestId('connection')
  await expect(chip).toHaveAttribute('data-connection', 'online', { timeout: roadMs })
  await expect(chip).toHaveAttribute('data-road', road, { timeout: roadMs })
}

async function ask(page: Page, text: string): Promise<void> {
  await page.goto(`${host.url}/`)
  await page.getByTestId('composer-input').fill(text)
  await page.getByTestId('send').click()
}

const answerOf = (page: Page) => page.getByTestId('message-assistant').last()
const said = (page: Page) => answerOf(page).locator('.markdown').innerText()

/** Waits until part of the answer is there, but not all. */
async function midway(page: Page): Promise<void> {
  await expect
    .poll(async () => (await said(page).catch(() => '')).split(/\s+/).length, { timeout: answerMs })
    .toBeGreaterThan(40)
  await expect(answerOf(page)).toHaveAttribute('data-outcome', 'running')
}

async function whole(page: Page): Promise<void> {
  await expect(answerOf(page)).toHaveAttribute('data-outcome', 'done', { timeout: answerMs })
  expect((await said(page)).trim().split(/\s+/)).toEqual(words)
}

async function visitor(
  browser: Browser,
): Promise<{ context: BrowserContext; page: Page; requested: string[] }> {
  const context = await browser.newContext({
    locale: 'en-US',
    viewport: { width: 390, height: 844 },
  })
  const page = await context.newPage()
  const requested: string[] = []
  page.on('request', (request) => requested.push(request.url()))
  return { context, page, requested }
}

test('a page at an origin without a companion says so, and knows no API', async ({ browser }) => {
  const { context, page } = await visitor(browser)
  await page.goto(host.url)
  await expect(page.getByTestId('connection')).toHaveAttribute('data-connection', 'page-only')
  expect(host.unanswered.filter((path) => path.startsWith('/api'))).toEqual(['/api/events'])
  await context.close()
})

test('it pairs by link and is answered over WebRTC, without a word to the companion’s own origin', async ({
  browser,
}) => {
  const { context, page, requested } = await visitor(browser)
  await pair(page, await pairingLink())
  await onRoad(page, 'webrtc')
  await ask(page, 'Count, please.')
  await onRoad(page, 'webrtc')
  await whole(page)
  expect(requested.filter((url) => url.startsWith(companion.url))).toEqual([])
  const { devices } = v.parse(deviceListSchema, await asOwner('/api/devices'))
  expect(devices).toMatchObject([{ kind: 'browser', role: 'owner', lastRoad: 'webrtc', connected: true }]) // prettier-ignore
  // A second tab is the same device, and both are served.
  const second = await context.newPage()
  await second.goto(host.url)
  await onRoad(second, 'webrtc')
  await onRoad(page, 'webrtc')
  expect(v.parse(deviceListSchema, await asOwner('/api/devices')).devices).toHaveLength(1)
  await context.close()
})

test('a used link is refused', async ({ browser }) => {
  const link = await pairingLink()
  const first = await visitor(browser)
  await pair(first.page, link)
  await first.context.close()
  const second = await visitor(browser)
  await second.page.goto(link)
  await second.page.getByTestId('pair-now').click()
  await expect(second.page.getByTestId('pair-page')).toHaveAttribute('data-stage', 'failed', { timeout: roadMs }) // prettier-ignore
  await second.page.goto(host.url)
  await expect(second.page.getByTestId('connection')).toHaveAttribute('data-connection', 'page-only', { timeout: roadMs }) // prettier-ignore
  await second.context.close()
})

test('without a link, an address and six digits that are the same on both screens will do', async ({
  browser,
}) => {
  const { context, page } = await visitor(browser)
  const id = newId()
  await asOwner('/api/pairings', { method: 'POST', body: JSON.stringify({ id, role: 'member' }) })
  await page.goto(`${host.url}/pair`)
  const address = page.getByTestId('pair-address')
  await address.fill(`127.0.0.1:${linkPort}`)
  await address.press('Enter')
  const shown = page.getByTestId('pair-code')
  await expect(shown).toBeVisible()
  const asked = async () =>
    v.parse(pairingResponseSchema, await asOwner(`/api/pairings/${id}`)).pairing
  const { request } = await asked()
  expect((await shown.innerText()).replace(/\D/g, '')).toBe(request?.code)
  expect((await asked()).state, 'nobody comes in before a person has said so').toBe('open')
  const body = JSON.stringify({ deviceId: request!.deviceId, allow: true })
  await asOwner(`/api/pairings/${id}/answer`, { method: 'POST', body })
  await expect(page.getByTestId('pair-page')).toHaveAttribute('data-stage', 'done', { timeout: roadMs }) // prettier-ignore
  await page.getByTestId('open-silo').click()
  await onRoad(page, 'webrtc')
  expect(v.parse(deviceListSchema, await asOwner('/api/devices')).devices).toContainEqual(
    expect.objectContaining({ id: request!.deviceId, role: 'member' }),
  )
  await context.close()
})

test('without WebRTC it goes by WebSocket', async ({ browser }) => {
  const { context, page } = await visitor(browser)
  await context.addInitScript(() => {
    Reflect.deleteProperty(globalThis, 'RTCPeerConnection')
    Reflect.deleteProperty(globalThis, 'webkitRTCPeerConnection')
  })
  await pair(page, await pairingLink())
  await onRoad(page, 'websocket')
  await ask(page, 'Count, please.')
  await whole(page)
  await context.close()
})

test('a browser that no longer lets WebRTC offers be changed pairs and works all the same', async () => {
  const browser = await chromium.launch({
    ...launchOptions,
    args: [...launchOptions.args, '--force-fieldtrials=WebRTC-NoSdpMangleUfrag/Enabled/'],
  })
  const { context, page } = await visitor(browser)
  await pair(page, await pairingLink())
  await expect(page.getByTestId('connection')).toHaveAttribute('data-connection', 'online')
  await ask(page, 'Count, please.')
  await whole(page)
  console.log(
    `with the field trial: ${await page.getByTestId('connection').getAttribute('data-road')}`,
  )
  await context.close()
  await browser.close()
})

for (const road of ['webrtc', 'websocket'] as const)
  test(`a ${road} connection cut in the middle of an answer is resumed with nothing lost or doubled`, async ({
    browser,
  }) => {
    const { context, page } = await visitor(browser)
    if (road === 'websocket')
      await context.addInitScript(() => Reflect.deleteProperty(globalThis, 'RTCPeerConnection'))
    await pair(page, await pairingLink({ through: true }))
    await onRoad(page, road)
    await ask(page, 'Count, please.')
    await midway(page)
    const before = await said(page)
    relay.cut()
    // As the browser tells a page whose network is another one.
    await page.evaluate(() => dispatchEvent(new Event('online')))
    relay.mend()
    await whole(page)
    expect(words.join(' ').startsWith(before.trim().split(/\s+/).join(' '))).toBe(true)
    await onRoad(page, road)
    await context.close()
  })

test('a companion that is restarted is found again, and what it was doing is told honestly', async ({
  browser,
}) => {
  const { context, page } = await visitor(browser)
  await pair(page, await pairingLink())
  await onRoad(page, 'webrtc')
  await ask(page, 'Count, please.')
  await midway(page)
  await companion.stop('SIGKILL')
  await expect(page.getByTestId('connection')).not.toHaveAttribute('data-connection', 'online', { timeout: 40_000 }) // prettier-ignore
  companion = await start()
  await onRoad(page, 'webrtc')
  await expect(answerOf(page)).toHaveAttribute('data-outcome', 'interrupted')
  const kept = (await said(page)).trim().split(/\s+/)
  expect(kept).toEqual(words.slice(0, kept.length))
  await ask(page, 'And again.')
  await whole(page)
  await context.close()
})

test('a device that is removed is shut out at once, and stays out', async ({ browser }) => {
  const { context, page } = await visitor(browser)
  await pair(page, await pairingLink())
  await onRoad(page, 'webrtc')
  await ask(page, 'Count, please.')
  await midway(page)
  const { devices } = v.parse(deviceListSchema, await asOwner('/api/devices'))
  // Others that were closed a moment ago may not be missed yet.
  const [newest] = devices.toSorted((one, other) => other.pairedAt - one.pairedAt)
  expect(newest?.connected).toBe(true)
  await asOwner(`/api/devices/${newest!.id}`, { method: 'DELETE' })
  await expect(page.getByTestId('revoked')).toBeVisible()
  const cutAt = await said(page)
  await page.waitForTimeout(3000)
  expect(await said(page)).toBe(cutAt)
  await page.reload()
  await expect(page.getByTestId('revoked')).toBeVisible()
  await context.close()
})

test('the companion’s own page never loads libp2p', async ({ browser }) => {
  const { context, page, requested } = await visitor(browser)
  await page.goto(companion.urlWithToken)
  await page.goto(companion.url)
  await expect(page.getByTestId('composer-input').or(page.getByTestId('choose-folder')).first()).toBeVisible() // prettier-ignore
  const scripts = [...new Set(requested)].filter((url) => url.endsWith('.js'))
  expect(scripts.length).toBeGreaterThan(5)
  for (const url of scripts) {
    const source = await (await page.request.get(url)).text()
    expect(source.includes('webrtc-direct/certhash') || source.includes('/noise'), url).toBe(false)
  }
  await context.close()
})
