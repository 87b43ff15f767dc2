import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test, type BrowserContext, type Page } from '@playwright/test'
import { newId } from '#shared/domain/ids.ts'
import { hostApp, type AppHost } from './app-host.ts'
import { makeHome, removeHome, startCompanionProcess, type RunningCompanion } from './companion.ts'

/** An owner shares one of two collections with a guest's phone, takes it back, and reads what was done in the log. */
test.describe.configure({ mode: 'serial' })

let companion: RunningCompanion
let host: AppHost
let laptop: Page
let phone: Page
const contexts: BrowserContext[] = []
const files = mkdtempSync(join(tmpdir(), 'silo-sharing-'))
const contracts = newId()
const diary = newId()

/** The owner's API, from the signed-in page. */
function api<T = unknown>(path: string, method = 'GET', body?: unknown): Promise<T> {
  return laptop.evaluate(
    async ({ path, method, body }) => {
      const headers = { 'content-type': 'application/json' }
      const init = body === undefined ? {} : { headers, body: JSON.stringify(body) }
      const response = await fetch(path, { method, ...init })
      return response.status === 204 ? undefined : response.json()
    },
    { path, method, body },
  ) as Promise<T>
}

async function fill(id: string, name: string, text: string): Promise<void> {
  const folder = join(files, name)
  mkdirSync(folder)
  writeFileSync(join(folder, `${name}.md`), text)
  await api('/api/collections', 'POST', { id, name })
  const runId = newId()
  await api('/api/runs', 'POST', { kind: 'ingest', id: runId, collectionId: id, paths: [folder] })
  await expect
    .poll(
      async () =>
        (await api<{ run: { outcome?: string } }>(`/api/runs/${runId}/events`)).run.outcome,
      { timeout: 60_000 },
    ) // prettier-ignore
    .toBe('done')
}

test.beforeAll(async ({ browser }) => {
  test.setTimeout(180_000)
  companion = await startCompanionProcess(makeHome(['multilingual-e5-small']), {
    SILO_LINK_PORT: '0',
  })
  host = await hostApp()
  const open = async (width: number, height: number, isMobile: boolean): Promise<Page> => {
    const viewport = { width, height }
    const context = await browser.newContext({ viewport, isMobile, hasTouch: isMobile, locale: 'en-US' }) // prettier-ignore
    contexts.push(context)
    return context.newPage()
  }
  laptop = await open(1440, 900, false)
  phone = await open(390, 844, true)
  await laptop.goto(companion.urlWithToken)
  await api('/api/settings', 'PATCH', { onboarded: true })
  await fill(contracts, 'Contracts', '# Borealis\n\nThe contract with Borealis ends in March.\n')
  await fill(diary, 'Diary', '# Monday\n\nNobody reads this but me.\n')
  const { link } = await api<{ link: string }>('/api/pairings', 'POST', { id: newId(), role: 'guest' }) // prettier-ignore
  await phone.goto(`${host.url}/pair${new URL(link).hash}`)
  await phone.getByRole('textbox', { name: 'Name of this device' }).fill('Visitor')
  await phone.getByRole('button', { name: 'Pair', exact: true }).click()
  await expect(phone.getByRole('heading', { name: /^Paired with/ })).toBeVisible({ timeout: 60_000 }) // prettier-ignore
})

test.afterAll(async () => {
  for (const context of contexts) await context.close()
  await host?.close()
  await companion?.stop()
  if (companion) removeHome(companion.home)
  rmSync(files, { recursive: true, force: true })
})

const dialog = () => laptop.getByTestId('share-dialog')
const grants = () => dialog().getByTestId('grant')
const rows = () => phone.getByTestId('collection-row')

test('a guest sees nothing of the vault before anything is shared with it', async () => {
  await phone.goto(`${host.url}/vault`)
  await expect(phone.getByText('Nothing is shared with this device')).toBeVisible({ timeout: 40_000 }) // prettier-ignore
  await phone.goto(`${host.url}/vault/${contracts}`)
  await expect(phone.getByText('This collection does not exist')).toBeVisible({ timeout: 40_000 })
  await phone.goto(`${host.url}/vault`)
})

test('an owner shares one collection, and the phone sees exactly that one, at once', async () => {
  await laptop.goto(`${companion.url}/vault/${contracts}`)
  await laptop.getByTestId('share-collection').click()
  await expect(grants()).toHaveCount(1)
  await expect(grants().first()).toContainText('All members')
  await dialog().getByTestId('share-with').selectOption({ label: 'Visitor' })
  await dialog().getByTestId('share-give').click()
  await expect(grants()).toHaveCount(2)
  await expect(grants().nth(1)).toHaveAttribute('data-level', 'read')
  await dialog().getByText('What that comes to').click()
  await expect(dialog().getByTestId('effective')).toContainText('Visitor')
  await expect(rows()).toHaveCount(1)
  await expect(rows()).toContainText('Contracts')
})

test('the phone searches it, and is offered nothing that it may not do', async () => {
  await phone.getByRole('link', { name: 'Contracts' }).click()
  await expect(phone.getByRole('heading', { name: 'Contracts' })).toBeVisible()
  await expect(phone.getByTestId('share-collection')).toHaveCount(0)
  await expect(phone.getByRole('button', { name: 'Read again' })).toHaveCount(0)
  await phone.getByTestId('vault-search').fill('When does the Borealis contract end?')
  await phone.getByTestId('vault-search').press('Enter')
  await expect(phone.getByText('ends in March').first()).toBeVisible({ timeout: 60_000 })
})

test('what is taken away is gone at once, and comes back with undo', async () => {
  await dialog().getByRole('button', { name: 'Take it from Visitor' }).click()
  await expect(grants()).toHaveCount(1)
  await expect(phone.getByText('This collection does not exist')).toBeVisible()
  await dialog().getByRole('button', { name: 'Undo' }).click()
  await expect(grants()).toHaveCount(2)
  await expect(phone.getByRole('heading', { name: 'Contracts' })).toBeVisible()
  await dialog().getByRole('combobox', { name: 'What Visitor may do' }).selectOption('write')
  await expect(grants().nth(1)).toHaveAttribute('data-level', 'write')
  await expect(phone.getByTestId('add-files')).toBeVisible()
  await dialog().getByRole('button', { name: 'Take it from Visitor' }).click()
  await expect(phone.getByText('This collection does not exist')).toBeVisible()
  await laptop.getByRole('button', { name: 'Done' }).click()
})

test('a group gives what it has to whoever is in it', async () => {
  await laptop.getByTestId('share-collection').click()
  await laptop.getByTestId('manage-groups').click()
  await dialog().getByRole('textbox', { name: 'New group' }).fill('Auditors')
  await dialog().getByRole('button', { name: 'Create' }).click()
  await dialog().getByTestId('group').getByLabel('Visitor').check()
  await laptop.getByRole('button', { name: 'Back' }).click()
  await dialog().getByTestId('share-with').selectOption({ label: 'Auditors' })
  await dialog().getByTestId('share-give').click()
  await expect(phone.getByRole('heading', { name: 'Contracts' })).toBeVisible()
  await dialog().getByRole('button', { name: 'Take it from Auditors' }).click()
  await expect(phone.getByText('This collection does not exist')).toBeVisible()
})

test('the log says who asked what, and who was given it, to owners only', async () => {
  await laptop.goto(`${companion.url}/vault`)
  await laptop.getByTestId('audit-link').click()
  const lines = laptop.getByTestId('audit-line')
  const asked = lines.filter({ hasText: 'When does the Borealis contract end?' }).first()
  await expect(asked).toContainText('Visitor')
  await expect(asked).toContainText('Contracts')
  await expect(lines.filter({ hasText: '+ Visitor: read' }).first()).toContainText('this computer')
  await laptop.getByTestId('audit-device').selectOption({ label: 'Visitor' })
  await expect(lines.filter({ hasText: 'this computer' })).toHaveCount(0)
  await expect(lines.first()).toContainText('Visitor')
  await laptop.getByTestId('audit-action').selectOption('remove')
  await expect(laptop.getByText('No line fits these filters')).toBeVisible()
  await laptop.getByRole('button', { name: 'Show all' }).click()
  await expect(lines.first()).toBeVisible()
  await phone.goto(`${host.url}/audit`)
  await expect(phone.getByText('Only an owner reads this log.')).toBeVisible({ timeout: 40_000 })
})
