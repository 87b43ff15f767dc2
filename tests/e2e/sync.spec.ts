import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test, type BrowserContext, type Page } from '@playwright/test'
import { newId } from '#shared/domain/ids.ts'
import { makeHome, removeHome, startCompanionProcess, type RunningCompanion } from './companion.ts'

/** Two companions keep their notes alike: shared and accepted in the app, paused, resumed, and changed on both at once. */
test.describe.configure({ mode: 'serial' })

type Loose = any // eslint-disable-line @typescript-eslint/no-explicit-any
/** Connections, discovery and a look through the folder, beside other work. */
const waitMs = 60_000

interface Device {
  readonly companion: RunningCompanion
  readonly context: BrowserContext
  readonly page: Page
}
let desk: Device
let laptop: Device

const notesOf = ({ companion }: Device) => join(companion.home, 'notes')
const read = (device: Device, name: string): string | undefined => {
  try {
    return readFileSync(join(notesOf(device), name), 'utf8')
  } catch {
    return undefined
  }
}
const copies = (device: Device): string[] =>
  readdirSync(notesOf(device)).filter((name) => name.includes('.sync-conflict-'))

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

test.beforeAll(async ({ browser }) => {
  test.setTimeout(180_000)
  const start = async (name: string): Promise<Device> => {
    const env = { SILO_FAKE_NAME: name, SILO_LINK_PORT: '0', SILO_SYNC_PORT: '0' }
    const companion = await startCompanionProcess(makeHome([]), env, 'tests/fakes/companion.ts')
    const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, locale: 'en-US' }) // prettier-ignore
    const page = await context.newPage()
    await page.goto(companion.urlWithToken)
    await api(page, '/api/settings', 'PATCH', { onboarded: true })
    await page.goto(`${companion.url}/sync`)
    return { companion, context, page }
  }
  desk = await start('Desk')
  laptop = await start('Laptop')
  const { link } = await api(desk.page, '/api/pairings', 'POST', { id: newId(), role: 'owner' })
  const target = { by: 'link', link }
  await api(laptop.page, '/api/joins', 'POST', { id: newId(), role: 'owner', target })
})
test.afterAll(async () => {
  for (const device of [desk, laptop]) {
    await device?.context.close()
    await device?.companion.stop('SIGKILL')
    if (device) removeHome(device.companion.home)
  }
})

const folder = ({ page }: Device) => page.getByTestId('sync-folder')
async function choose({ page }: Device, item: string): Promise<void> {
  await page.getByRole('button', { name: 'Actions for My notes' }).click()
  await page.getByRole('menuitem', { name: item }).click()
}

test('nothing is shared yet; the desk shares its notes with the laptop', async () => {
  await expect(desk.page.getByText('No folder is shared yet')).toBeVisible()
  await desk.page.getByTestId('share-folder').click()
  await desk.page.getByRole('dialog').getByText('My notes', { exact: true }).click()
  await desk.page.getByTestId('share-with').check({ timeout: waitMs })
  await desk.page.getByTestId('sync-folder-save').click()
  await expect(folder(desk)).toContainText('My notes')
  await expect(folder(desk)).toContainText('Laptop')
})

test('the laptop is offered them, accepts, and both are up to date', async () => {
  writeFileSync(join(notesOf(desk), 'plan.md'), '# Plan\n\nTulips in March.\n')
  const offer = laptop.page.getByTestId('sync-offer')
  await expect(offer).toContainText('Desk', { timeout: waitMs })
  await offer.getByRole('button', { name: 'Accept …' }).click()
  await laptop.page.getByRole('dialog').getByText('My notes', { exact: true }).click()
  await expect(laptop.page.getByTestId('share-with')).toBeChecked()
  await laptop.page.getByTestId('sync-folder-save').click()
  for (const device of [laptop, desk])
    await expect(folder(device)).toContainText('up to date', { timeout: waitMs })
  await expect.poll(() => read(laptop, 'plan.md'), { timeout: waitMs }).toContain('Tulips in March')
  await expect(folder(laptop)).toContainText('1 file', { timeout: waitMs })
  await expect(laptop.page.getByTestId('sync-offer')).toHaveCount(0)
})

test('paused, nothing arrives, and both sides say so; what both changed becomes a conflict copy', async () => {
  await choose(laptop, 'Pause')
  await expect(folder(laptop)).toHaveAttribute('data-condition', 'paused')
  await expect(folder(desk)).toContainText('waiting for a device', { timeout: waitMs })
  writeFileSync(join(notesOf(desk), 'plan.md'), '# Plan\n\nTulips in April.\n')
  writeFileSync(join(notesOf(desk), 'new.md'), '# New\n\nWritten while the laptop paused.\n')
  await choose(desk, 'Look for changes now')
  await expect(folder(desk)).toContainText('2 files', { timeout: waitMs })
  expect(read(laptop, 'new.md')).toBeUndefined()
  writeFileSync(join(notesOf(laptop), 'plan.md'), '# Plan\n\nTulips in May.\n')

  await choose(laptop, 'Resume')
  await expect.poll(() => read(laptop, 'new.md'), { timeout: waitMs }).toContain('paused')
  await expect.poll(() => [copies(desk).length, copies(laptop).length], { timeout: waitMs }).toEqual([1, 1]) // prettier-ignore
  const [copy = ''] = copies(laptop)
  const both = [read(laptop, 'plan.md'), read(laptop, copy)].map((text) => /April|May/.exec(text ?? '')?.[0]) // prettier-ignore
  expect(both.toSorted()).toEqual(['April', 'May'])
})

test('the conflict is shown, compared and resolved on one, and is gone on both', async () => {
  const { page } = laptop
  await page.goto(`${laptop.companion.url}/notes`)
  await page.getByRole('button', { name: '1 conflict copy' }).click({ timeout: waitMs })
  await page.getByRole('button', { name: 'Compare' }).click()
  const compared = page.getByTestId('conflict-compare')
  await expect(compared).toContainText('Tulips in April')
  await expect(compared).toContainText('Tulips in May')
  const copy = read(laptop, copies(laptop)[0] ?? '')
  await page.getByRole('button', { name: 'Keep the copy' }).click()
  await expect.poll(() => [copies(desk), copies(laptop)], { timeout: waitMs }).toEqual([[], []])
  await expect.poll(() => read(desk, 'plan.md'), { timeout: waitMs }).toBe(copy)
  expect(read(laptop, 'plan.md')).toBe(copy)
})

test('the desk goes away: the laptop says that it waits, and keeps what it has', async () => {
  await laptop.page.goto(`${laptop.companion.url}/sync`)
  await expect(folder(laptop)).toContainText('up to date', { timeout: waitMs })
  await desk.companion.stop()
  await expect(folder(laptop)).toContainText('waiting for a device', { timeout: waitMs })
  expect(read(laptop, 'plan.md')).toContain('Tulips')
  await expect(desk.page.getByRole('alert').first()).toBeVisible({ timeout: waitMs })
})
