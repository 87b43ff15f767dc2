import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test, type BrowserContext, type Page } from '@playwright/test'
import { newId } from '#shared/domain/ids.ts'
import { hostApp, type AppHost } from './app-host.ts'
import { makeHome, removeHome, startCompanionProcess, type RunningCompanion } from './companion.ts'

/**
 * Five devices of a team: Anna's desk, Bernd's laptop and the office hub run companions; Anna's phone is paired with her
 * desk, and Clara's browser is let in by Bernd as a guest. Anna asks about Bernd's contract; Clara gets nothing. The
 * embedding model is real, the wording of answers is not.
 */
test.describe.configure({ mode: 'serial', retries: 0 })

type Loose = any // eslint-disable-line @typescript-eslint/no-explicit-any
const clause = 'Either party may terminate this agreement with ninety days of written notice.'
const question = 'What notice period does the Kranich agreement have?'
const waitMs = 40_000
const files = mkdtempSync(join(tmpdir(), 'silo-brain-'))
const contracts = newId()

const running = new Map<string, RunningCompanion>()
const contexts: BrowserContext[] = []
let host: AppHost
let anna: Page
let bernd: Page
let hub: Page
let phone: Page
let clara: Page

const start = async (
  name: string,
  home = makeHome(['multilingual-e5-small']),
): Promise<RunningCompanion> => {
  // prettier-ignore
  const env = {
    SILO_FAKE_NAME: name,
    SILO_FAKE_REPLY: 'Ninety days, in writing [1].',
    SILO_LINK_PORT: '0',
    SILO_SYNC_PORT: '0',
  }
  const companion = await startCompanionProcess(home, env, 'tests/fakes/answering-companion.ts')
  running.set(name, companion)
  return companion
}

/** The API that a signed-in page speaks to. */
function api(page: Page, path: string, method = 'GET', body?: unknown): Promise<Loose> {
  return page.evaluate(
    async ({ path, method, body }) => {
      const headers = { 'content-type': 'application/json' }
      const init = body === undefined ? {} : { headers, body: JSON.stringify(body) }
      const response = await fetch(path, { method, ...init })
      const text = await response.text()
      return text ? JSON.parse(text) : undefined
    },
    { path, method, body },
  )
}
/** What a page does not show is asked of its companion until it is so. */
const until = (page: Page, path: string, holds: (body: Loose) => unknown): Promise<void> =>
  expect.poll(async () => Boolean(holds(await api(page, path))), { timeout: waitMs }).toBe(true)

async function ask(page: Page, text: string) {
  await page.getByTestId('composer-input').fill(text)
  await page.getByTestId('send').click()
  const answer = page.getByTestId('message-assistant').last()
  return answer
}
async function newChat(page: Page, url: string): Promise<void> {
  await page.goto(url)
  await expect(page.getByTestId('composer-input')).toBeVisible({ timeout: waitMs })
  await page.getByTestId('collection-picker').getByRole('button').first().click()
  await page.getByRole('menuitemcheckbox', { name: /Contracts/ }).click()
  await page.keyboard.press('Escape')
}

test.beforeAll(async ({ browser }) => {
  test.setTimeout(240_000)
  host = await hostApp()
  const open = async (isMobile = false): Promise<Page> => {
    const viewport = isMobile ? { width: 390, height: 844 } : { width: 1440, height: 900 }
    const context = await browser.newContext({ viewport, isMobile, hasTouch: isMobile, locale: 'en-US' }) // prettier-ignore
    contexts.push(context)
    return context.newPage()
  }
  for (const [name, assign] of [
    ['Anna’s desk', (page: Page) => (anna = page)],
    ['Bernd’s laptop', (page: Page) => (bernd = page)],
    ['Office hub', (page: Page) => (hub = page)],
  ] as const) {
    const companion = await start(name)
    const page = await open()
    assign(page)
    await page.goto(companion.urlWithToken)
    await api(page, '/api/settings', 'PATCH', { onboarded: true })
  }
  phone = await open(true)
  clara = await open()
  const folder = join(files, 'contracts')
  mkdirSync(folder)
  writeFileSync(join(folder, 'kranich-agreement.md'), `# Kranich agreement\n\n## Term and termination\n\n${clause}\n`) // prettier-ignore
  writeFileSync(join(folder, 'canteen.md'), '# Canteen\n\nThe canteen opens at half past eleven and serves soup on Mondays.\n') // prettier-ignore
  await api(bernd, '/api/collections', 'POST', { id: contracts, name: 'Contracts' })
  const runId = newId()
  await api(bernd, '/api/runs', 'POST', { kind: 'ingest', id: runId, collectionId: contracts, paths: [folder] }) // prettier-ignore
  await until(bernd, '/api/runs', ({ runs }) => runs.some((run: Loose) => run.id === runId && run.outcome === 'done')) // prettier-ignore
})

test.afterAll(async () => {
  for (const context of contexts) await context.close()
  await host?.close()
  for (const companion of running.values()) {
    await companion.stop('SIGKILL')
    removeHome(companion.home)
  }
  rmSync(files, { recursive: true, force: true })
})

const devicesOf = async (page: Page) => (await api(page, '/api/devices')).devices as Loose[]
const idOf = async (page: Page): Promise<string> => (await api(page, '/api/link')).companion.id
const grant = (id: string, copy = false) => ({ subject: { kind: 'device', id }, level: 'read', copy }) // prettier-ignore
async function shareContracts(...grants: object[]): Promise<void> {
  const path = `/api/collections/${contracts}/sharing`
  const { sharing } = await api(bernd, path)
  await api(bernd, path, 'PUT', { version: sharing.version, grants })
}

test('Anna connects her desk with Bernd’s laptop by his link; the hub joins both', async () => {
  const { link } = await api(bernd, '/api/pairings', 'POST', { id: newId(), role: 'guest' })
  await anna.goto(`${running.get('Anna’s desk')!.url}/devices`)
  await anna.getByTestId('join-companion').click()
  const dialog = anna.getByTestId('join-dialog')
  await dialog.getByRole('textbox').fill(link)
  await anna.getByRole('button', { name: 'Connect', exact: true }).click()
  await expect(dialog).toHaveAttribute('data-state', 'joined', { timeout: waitMs })
  await expect(dialog).toContainText('Bernd’s laptop is connected')
  await anna.getByRole('button', { name: 'Done' }).click()
  for (const other of [anna, bernd]) {
    const invitation = await api(hub, '/api/pairings', 'POST', { id: newId(), role: 'guest' })
    const target = { by: 'link', link: invitation.link }
    await api(other, '/api/joins', 'POST', { id: newId(), role: 'guest', target })
    await until(other, '/api/team', ({ companions }) => companions.some((each: Loose) => each.name === 'Office hub' && each.state === 'connected')) // prettier-ignore
  }
  expect((await devicesOf(bernd)).map(({ name }) => name).toSorted()).toEqual(['Anna’s desk', 'Office hub']) // prettier-ignore
})

test('what Bernd shares with Anna she sees, and asks live', async () => {
  await shareContracts(grant(await idOf(anna)))
  await anna.goto(`${running.get('Anna’s desk')!.url}/vault`)
  const row = anna.getByTestId('team-collection')
  await expect(row).toContainText('Contracts', { timeout: waitMs })
  await expect(row).toContainText('asked live')
  await expect(row).toContainText('a copy is not granted')
  await expect(anna.getByTestId('team-companion').filter({ hasText: 'Bernd' })).toHaveAttribute('data-state', 'connected') // prettier-ignore

  await newChat(anna, running.get('Anna’s desk')!.url)
  const answer = await ask(anna, question)
  await expect(answer).toContainText('Ninety days', { timeout: waitMs })
  const source = answer.getByTestId('citation-chip').first()
  await expect(source).toContainText('Kranich agreement')
  await expect(source).toContainText('Bernd’s laptop')
  await source.click()
  await expect(anna.getByTestId('passage')).toContainText('ninety days', { timeout: waitMs })
})

test('Anna’s phone asks through her desk and gets the same, with the owner named', async () => {
  const { link } = await api(anna, '/api/pairings', 'POST', { id: newId(), role: 'owner' })
  await phone.goto(`${host.url}/pair${new URL(link).hash}`)
  await phone.getByRole('textbox', { name: 'Name of this device' }).fill('Anna’s phone')
  await phone.getByRole('button', { name: 'Pair', exact: true }).click()
  await expect(phone.getByRole('heading', { name: /^Paired with/ })).toBeVisible({ timeout: 60_000 }) // prettier-ignore
  await newChat(phone, host.url)
  const answer = await ask(phone, question)
  await expect(answer).toContainText('Ninety days', { timeout: waitMs })
  await expect(answer.getByTestId('citation-chip').first()).toContainText('Bernd’s laptop')
})

test('Clara, without the grant, gets nothing and leaves a line in Bernd’s log', async () => {
  const { link } = await api(bernd, '/api/pairings', 'POST', { id: newId(), role: 'guest' })
  await clara.goto(`${host.url}/pair${new URL(link).hash}`)
  await clara.getByRole('textbox', { name: 'Name of this device' }).fill('Clara’s browser')
  await clara.getByRole('button', { name: 'Pair', exact: true }).click()
  await expect(clara.getByRole('heading', { name: /^Paired with/ })).toBeVisible({ timeout: 60_000 }) // prettier-ignore
  await clara.goto(`${host.url}/vault`)
  await expect(clara.getByText('Nothing is shared with this device')).toBeVisible({ timeout: waitMs }) // prettier-ignore
  // While it is shared with her she gets an answer; in the same conversation, once it is not, none.
  const mine = grant(await idOf(anna))
  const { entries: before } = await api(bernd, '/api/audit?allowed=0')
  const browser = (await devicesOf(bernd)).find(({ name }) => name === 'Clara’s browser')
  await shareContracts(mine, grant(browser.id))
  await newChat(clara, host.url)
  await expect(await ask(clara, question)).toContainText('Ninety days', { timeout: waitMs })
  await shareContracts(mine)
  await ask(clara, 'And may Kranich terminate the agreement sooner?')
  await until(bernd, '/api/audit?allowed=0', ({ entries }) => entries.length > before.length)
  await expect(clara.getByTestId('stop')).toHaveCount(0, { timeout: waitMs })
  const answered = clara.getByTestId('message-assistant').filter({ hasText: 'Ninety days, in writing' }) // prettier-ignore
  await expect(answered).toHaveCount(1)
  const { entries } = await api(bernd, '/api/audit?allowed=0')
  expect(entries[0]).toMatchObject({ deviceName: 'Clara’s browser', action: 'search', allowed: false, collectionIds: [contracts] }) // prettier-ignore
  await bernd.goto(`${running.get('Bernd’s laptop')!.url}/audit`)
  const lines = bernd.getByTestId('audit-line')
  await expect(lines.filter({ hasText: 'Clara’s browser' }).first()).toBeVisible({
    timeout: waitMs,
  })
  const allowed = await api(bernd, '/api/audit?allowed=1&action=search')
  expect(allowed.entries.map(({ deviceName }: Loose) => deviceName)).toContain('Anna’s desk')
})

test('Bernd leaves: Anna, without a copy, is told that he is away', async () => {
  const laptop = running.get('Bernd’s laptop')!
  await laptop.stop()
  await until(anna, '/api/team', ({ companions }) => companions.some((each: Loose) => each.name === 'Bernd’s laptop' && each.state !== 'connected')) // prettier-ignore
  await newChat(anna, running.get('Anna’s desk')!.url)
  const answer = await ask(anna, question)
  await expect(answer).toContainText('Could not be asked: Bernd’s laptop', { timeout: waitMs })
  await expect(answer).not.toContainText('Ninety days')
})

test('the hub keeps a copy and answers for him; Anna keeps one, and needs nobody', async () => {
  const before = running.get('Bernd’s laptop')!
  const back = await start('Bernd’s laptop', before.home)
  await bernd.goto(back.urlWithToken)
  await shareContracts(grant(await idOf(anna), true), grant(await idOf(hub), true))
  await until(hub, '/api/collections', ({ collections }) => collections.some(({ id }: Loose) => id === contracts)) // prettier-ignore
  await api(hub, `/api/team/collections/${contracts}`, 'PUT', { keepCopy: true })
  await until(hub, '/api/collections', ({ collections }) => collections.some(({ holders }: Loose) => holders?.some(({ syncedAt }: Loose) => syncedAt))) // prettier-ignore
  await back.stop()

  await anna.goto(`${running.get('Anna’s desk')!.url}/vault`)
  const row = anna.getByTestId('team-collection')
  await row.getByRole('switch').click()
  const part = row.getByTestId('team-holder').filter({ hasText: 'Bernd’s laptop' })
  await expect(part).toHaveAttribute('data-synced', 'true', { timeout: waitMs })
  await running.get('Office hub')!.stop()

  await newChat(anna, running.get('Anna’s desk')!.url)
  const answer = await ask(anna, question)
  await expect(answer).toContainText('Ninety days', { timeout: waitMs })
  const source = answer.getByTestId('citation-chip').first()
  await expect(source).toContainText('Bernd’s laptop')
  await source.click()
  await expect(anna.getByTestId('passage')).toContainText('ninety days', { timeout: waitMs })
})
