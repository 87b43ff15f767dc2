import { expect, test, type BrowserContext, type Page } from '@playwright/test'
import { decodeInvitation, encodeInvitation } from '#shared/protocol/pairing.ts'
import { hostApp, type AppHost } from './app-host.ts'
import { makeHome, removeHome, startCompanionProcess, type RunningCompanion } from './companion.ts'

/** A laptop at the companion's own address and a phone at another origin, by nothing but what is on their screens. */
test.describe.configure({ mode: 'serial' })

let companion: RunningCompanion
let host: AppHost
let laptop: Page
let phone: Page
/** The link the phone came in by. */
let used: string
const contexts: BrowserContext[] = []

test.beforeAll(async ({ browser }) => {
  companion = await startCompanionProcess(makeHome([]), { SILO_LINK_PORT: '0' })
  host = await hostApp()
  const atDesk = await browser.newContext({
    viewport: { width: 1440, height: 900 },
    locale: 'en-US',
    permissions: ['clipboard-read', 'clipboard-write'],
  })
  contexts.push(atDesk)
  laptop = await atDesk.newPage()
  await laptop.goto(companion.urlWithToken)
  await laptop.evaluate(() =>
    fetch('/api/settings', {
      method: 'PATCH',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ onboarded: true }),
    }),
  )
  phone = await visitor()

  async function visitor(): Promise<Page> {
    const inHand = await browser.newContext({
      viewport: { width: 390, height: 844 },
      hasTouch: true,
      isMobile: true,
      locale: 'en-US',
    })
    contexts.push(inHand)
    return inHand.newPage()
  }
})

test.afterAll(async () => {
  for (const context of contexts) await context.close()
  await host?.close()
  await companion?.stop()
  if (companion) removeHome(companion.home)
})

const dialog = () => laptop.getByTestId('pair-dialog')
const row = (name: string) => laptop.getByRole('row', { name: new RegExp(name) })
const stage = (page: Page) => page.getByTestId('pair-page')
const chip = (page: Page) => page.getByTestId('connection')

/** Opens the dialog with a fresh code and copies its link, as it opens on the phone's origin. */
async function freshLink(): Promise<string> {
  await laptop.goto(`${companion.url}/devices`)
  await laptop.getByRole('button', { name: 'Pair a device' }).click()
  await expect(laptop.getByRole('img', { name: 'QR code of the pairing link' })).toBeVisible()
  await laptop.getByRole('button', { name: 'Copy the link' }).click()
  const link = await laptop.evaluate(() => navigator.clipboard.readText())
  expect(new URL(link).pathname).toBe('/pair')
  return `${host.url}/pair${new URL(link).hash}`
}

async function chooseAction(name: string, action: string): Promise<void> {
  await row(name)
    .getByRole('button', { name: /^Actions for/ })
    .click()
  await laptop.getByRole('menuitem', { name: action }).click()
}

test('a page with no companion offers to pair, or to go on without', async () => {
  await phone.goto(host.url)
  await expect(phone).toHaveURL(/\/welcome$/)
  await expect(phone.getByRole('button', { name: 'Continue without' })).toBeVisible()
  await phone.getByRole('link', { name: 'Pair' }).click()
  await expect(phone.getByRole('heading', { name: 'Pair with a companion' })).toBeVisible()
})

test('nothing is listed, and no port is open, before the first pairing', async () => {
  await laptop.goto(`${companion.url}/devices`)
  await expect(laptop.getByText('No device is paired yet')).toBeVisible()
  await expect(laptop.getByTestId('link-state')).toHaveAttribute('data-state', 'off')
})

test('a link that is cut short, wrong, or not for pairing is refused with a reason', async () => {
  await phone.goto(`${host.url}/pair#v=1&c=12D3KooW`)
  await expect(phone.getByRole('alert')).toContainText('not a pairing link')
  await phone.getByRole('button', { name: 'Scan the code' }).click()
  await phone.getByRole('textbox', { name: 'Pairing link' }).fill('https://example.org/')
  await phone.getByRole('button', { name: 'Use this link' }).click()
  await expect(phone.getByText('not a pairing link')).toBeVisible()

  const invitation = decodeInvitation(await freshLink())
  const guessed = encodeInvitation(host.url, { ...invitation, secret: 'A'.repeat(22) })
  await phone.goto('about:blank')
  await phone.goto(guessed)
  await phone.getByRole('button', { name: 'Pair', exact: true }).click()
  await expect(stage(phone)).toHaveAttribute('data-stage', 'failed', { timeout: 40_000 })
  await expect(phone.getByRole('alert')).toHaveAttribute('data-code', 'pairing_refused')
  await expect(dialog(), 'the laptop still waits').toHaveAttribute('data-state', 'open')
})

test('a phone pairs by the link, and both screens say so', async () => {
  used = await freshLink()
  await phone.goto('about:blank')
  await phone.goto(used)
  await expect(stage(phone)).toHaveAttribute('data-stage', 'ready')
  expect(phone.url(), 'the secret leaves the address bar').toBe(`${host.url}/pair`)
  await phone.getByRole('textbox', { name: 'Name of this device' }).fill('Kitchen phone')
  await phone.getByRole('button', { name: 'Pair', exact: true }).click()
  await expect(phone.getByRole('heading', { name: /^Paired with/ })).toBeVisible({
    timeout: 40_000,
  })
  await expect(dialog()).toContainText('Kitchen phone is paired')
  await laptop.getByRole('button', { name: 'Done' }).click()
  await expect(laptop.getByTestId('link-state')).toHaveAttribute('data-state', 'on')

  await phone.getByRole('button', { name: 'Open Silo' }).click()
  await expect(chip(phone)).toHaveAttribute('data-connection', 'online')
  await expect(chip(phone)).toHaveAttribute('data-road', /webrtc|websocket/)
  await expect(row('Kitchen phone')).toHaveAttribute('data-connected', 'true')
  await expect(row('Kitchen phone')).toContainText(/connected · Web(RTC|Socket)/)
})

test('the connection says where and by which road, and can be chosen', async () => {
  await chip(phone).click()
  const panel = phone.getByRole('dialog', { name: 'Connection' })
  await expect(panel).toContainText(/Web(RTC|Socket)/)
  await expect(panel).toContainText('Owner')
  await expect(panel.getByRole('button', { pressed: true })).toBeVisible()
  await phone.keyboard.press('Escape')
  await expect(panel).toBeHidden()
})

test('a link that was used, or replaced by a new code, lets nobody in', async ({ browser }) => {
  const context = await browser.newContext({ locale: 'en-US' })
  const stranger = await context.newPage()
  const replaced = await freshLink()
  await laptop.getByRole('button', { name: 'New code' }).click()
  await expect(dialog()).toHaveAttribute('data-state', 'open')
  for (const link of [used, replaced]) {
    await stranger.goto('about:blank')
    await stranger.goto(link)
    await stranger.getByRole('button', { name: 'Pair', exact: true }).click()
    await expect(stage(stranger)).toHaveAttribute('data-stage', 'failed', { timeout: 40_000 })
    await expect(stranger.getByRole('alert')).toHaveAttribute('data-code', 'pairing_refused')
  }
  await context.close()
})

test('a code nobody used expires on the screen, and a new one takes its place', async () => {
  const page = await contexts[0]!.newPage()
  await page.clock.install()
  await page.goto(`${companion.url}/devices`)
  await page.getByRole('button', { name: 'Pair a device' }).click()
  await expect(page.getByText('Waiting for a device')).toBeVisible()
  await page.clock.fastForward(121_000)
  await expect(page.getByText('The code has expired')).toBeVisible()
  await expect(page.getByRole('button', { name: 'Copy the link' })).toBeHidden()
  await page.getByRole('button', { name: 'New code' }).click()
  await expect(page.getByText('Waiting for a device')).toBeVisible()
  await page.close()
})

test('a device without a camera shows the same six digits, and a person decides', async ({
  browser,
}) => {
  const context = await browser.newContext({ locale: 'en-US' })
  const tablet = await context.newPage()
  await freshLink()
  await laptop.getByText('Guest', { exact: true }).click()
  await expect(dialog()).toHaveAttribute('data-state', 'open')
  const address = await dialog().getByRole('listitem').first().innerText()

  async function askToComeIn(): Promise<void> {
    await tablet.goto(`${host.url}/pair`)
    await tablet.getByRole('textbox', { name: 'Address of the companion' }).fill(address)
    await tablet.getByRole('textbox', { name: 'Name of this device' }).fill('Old tablet')
    await tablet.getByRole('button', { name: 'Ask to come in' }).click()
    await expect(tablet.getByTestId('pair-code')).toBeVisible({ timeout: 40_000 })
    const digits = (await tablet.getByTestId('pair-code').innerText()).replace(/\D/g, '')
    expect(digits).toMatch(/^\d{6}$/)
    await expect(laptop.getByText('Old tablet asks to come in')).toBeVisible()
    expect((await laptop.getByTestId('request-code').innerText()).replace(/\D/g, '')).toBe(digits)
  }

  await askToComeIn()
  await laptop.getByRole('button', { name: 'Refuse' }).click()
  await expect(tablet.getByRole('alert')).toHaveAttribute('data-code', 'pairing_declined')
  await expect(laptop.getByText('Old tablet asks to come in')).toBeHidden()

  await askToComeIn()
  await laptop.getByRole('button', { name: 'Allow' }).click()
  await expect(tablet.getByRole('heading', { name: /^Paired with/ })).toBeVisible()
  await expect(dialog()).toContainText('Old tablet is paired')
  await laptop.getByRole('button', { name: 'Done' }).click()
  await expect(row('Old tablet')).toContainText('Guest')

  await tablet.getByRole('button', { name: 'Open Silo' }).click()
  await expect(chip(tablet)).toHaveAttribute('data-connection', 'online')
  await expect(tablet.getByTestId('nav-chat')).toBeVisible()
  await expect(tablet.getByTestId('nav-models'), 'guests see no models').toHaveCount(0)
  await tablet.getByTestId('nav-vault').click()
  await expect(tablet.getByText('Nothing is shared with this device')).toBeVisible()
  await tablet.getByTestId('nav-devices').click()
  await expect(tablet.getByText('Only an owner sees')).toBeVisible()
  await expect(tablet.getByRole('button', { name: 'Pair a device' })).toHaveCount(0)
  await context.close()
})

test('a device is renamed, and given another role', async () => {
  await chooseAction('Kitchen phone', 'Rename')
  await laptop.getByRole('textbox', { name: 'Name' }).fill('Hall phone')
  await laptop.getByRole('button', { name: 'Save' }).click()
  await expect(row('Hall phone')).toBeVisible()
  await expect(phone.getByTestId('nav-vault')).toBeVisible()

  await chooseAction('Hall phone', 'Change role')
  await laptop.getByText('Guest', { exact: true }).last().click()
  await expect(laptop.getByText('only what is shared with it')).toBeVisible()
  await laptop.getByRole('button', { name: 'Save' }).click()
  await expect(row('Hall phone')).toContainText('Guest')
  await phone.getByTestId('nav-devices').click()
  await expect(phone.getByText('Only an owner sees'), 'the phone follows').toBeVisible()
})

test('an address where no companion is, is refused with a reason', async () => {
  const field = laptop.getByRole('textbox', { name: 'Address of a companion' })
  await field.fill('two words')
  await laptop.getByRole('button', { name: 'Add', exact: true }).click()
  await expect(laptop.getByText('This is no address')).toBeVisible()
  await field.fill('127.0.0.1:9')
  await laptop.getByRole('button', { name: 'Add', exact: true }).click()
  await expect(laptop.getByRole('alert')).toHaveAttribute('data-code', 'peer_unreachable')
})

test('a removed phone is shut out at once, says so, and may pair again', async () => {
  await chooseAction('Hall phone', 'Remove')
  await laptop.getByRole('button', { name: 'Shut it out' }).click()
  await expect(row('Hall phone')).toHaveCount(0)
  await expect(phone.getByTestId('revoked')).toContainText('Removed from')
  await expect(chip(phone)).toHaveAttribute('data-connection', 'revoked')
  await phone.reload()
  await expect(phone.getByTestId('revoked')).toBeVisible()

  await phone.getByTestId('revoked').getByRole('link', { name: 'Pair again' }).click()
  const link = await freshLink()
  await phone.getByRole('textbox', { name: 'Pairing link' }).fill(link)
  await phone.getByRole('button', { name: 'Use this link' }).click()
  await expect(phone.getByText('Already paired with it')).toBeVisible()
  await phone.getByRole('button', { name: 'Pair', exact: true }).click()
  await phone.getByRole('button', { name: 'Open Silo' }).click({ timeout: 40_000 })
  await expect(chip(phone)).toHaveAttribute('data-connection', 'online')
  await expect(phone.getByTestId('revoked')).toHaveCount(0)
})
