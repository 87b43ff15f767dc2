import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test, type BrowserContext, type Page } from '@playwright/test'
import { makeHome, removeHome, startCompanionProcess, type RunningCompanion } from './companion.ts'

/** Another app shares with the installed one: the service worker takes the form, the person says what for. */
const fixture = (name: string) => fileURLToPath(new URL(`../fixtures/documents/${name}`, import.meta.url)) // prettier-ignore
const readMs = 120_000

test.describe.configure({ mode: 'serial' })

let companion: RunningCompanion
let context: BrowserContext
let page: Page
let port = 0

test.beforeAll(async ({ browser }) => {
  companion = await startCompanionProcess(makeHome(['multilingual-e5-small']))
  port = Number(new URL(companion.url).port)
  context = await browser.newContext({ viewport: { width: 390, height: 844 }, locale: 'en-US' })
  page = await context.newPage()
  await page.goto(companion.urlWithToken)
  await page.evaluate(() =>
    fetch('/api/settings', {
      method: 'PATCH',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ onboarded: true }),
    }),
  )
  await page.goto(`${companion.url}/`)
  await page.evaluate(() => navigator.serviceWorker.ready)
  await expect.poll(() => page.evaluate(() => navigator.serviceWorker.controller?.state)).toBe('activated') // prettier-ignore
})
test.afterAll(async () => {
  await context?.close()
  await companion?.stop()
  if (companion) removeHome(companion.home)
})

/** What a phone does when a person chooses this app in the share sheet: a form, sent as a navigation. */
async function share(fields: { files?: string[]; title?: string; text?: string; url?: string }) {
  const { files = [], ...texts } = fields
  const other = await context.newPage()
  const inputs = Object.entries(texts).map(([name, value]) => `<input name="${name}" value="${value}">`) // prettier-ignore
  await other.setContent(
    `<form method="post" enctype="multipart/form-data" action="${companion.url}/share">
      ${inputs.join('')}<input type="file" name="files" multiple></form>`,
  )
  await other.setInputFiles('input[type=file]', files)
  await Promise.all([
    other.waitForURL(`${companion.url}/share*`),
    other.evaluate(() => document.forms[0]?.requestSubmit()),
  ])
  return other
}

const api = (path: string) => page.evaluate((path) => fetch(path).then((response) => response.json()), path) // prettier-ignore
const documents = async (): Promise<{ title: string; path: string }[]> =>
  (await api('/api/collections/shared-files/documents')).documents
const kept = async (query: string): Promise<{ path: string; source?: string }[]> =>
  (await api(`/api/notes?query=${query}`)).notes

test('a shared PDF lands in the vault and is found', async () => {
  const phone = await share({ files: [fixture('product-spec-fm7.pdf')], title: 'FM7' })
  const item = phone.getByTestId('shared-item')
  await expect(item).toHaveAttribute('data-state', 'new')
  await expect(item).toContainText('product-spec-fm7.pdf')
  // Nothing has left the phone before the person says so.
  expect((await api('/api/uploads')).uploads).toEqual([])
  await phone.getByTestId('share-keep').click()
  await expect(item).toHaveAttribute('data-state', 'sent', { timeout: 30_000 })
  await item.getByRole('link', { name: 'Open the collection' }).click()
  await expect(phone).toHaveURL(/\/vault\/shared-files$/)
  await expect.poll(async () => (await documents()).length, { timeout: readMs }).toBe(1)
  const { hits } = await page.evaluate(
    () =>
      fetch('/api/search', {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ query: 'FM7 specification', collectionIds: ['shared-files'] }),
      }).then((response) => response.json()) as Promise<{ hits: { path: string }[] }>,
  )
  expect(hits[0]?.path).toMatch(/uploads\/shared-files\/product-spec-fm7\.pdf$/)
  const sent = readFileSync(hits[0]!.path)
  expect(sent.equals(readFileSync(fixture('product-spec-fm7.pdf')))).toBe(true)
  await phone.close()
})

test('the start of a task: the file is there, the text waits in the composer', async () => {
  const phone = await share({ files: [fixture('suppliers.csv')], text: 'Who delivers pumps?' })
  await phone.getByTestId('share-task').first().click()
  await expect(phone).toHaveURL(/\/\?collection=shared-files$/, { timeout: 30_000 })
  await expect(phone.getByTestId('composer-input')).toHaveValue('Who delivers pumps?')
  await expect(phone.getByTestId('collection-picker')).toContainText('Shared')
  await expect.poll(async () => (await documents()).length, { timeout: readMs }).toBe(2)
  await phone.getByTestId('composer-input').fill('')
  await phone.close()
})

test('a recording is kept and said to be not searchable yet; an empty share says so', async () => {
  const recording = fileURLToPath(new URL('../fixtures/speech/en.wav', import.meta.url))
  const phone = await share({ files: [recording] })
  await phone.getByTestId('share-keep').first().click()
  await expect(phone.getByText('Stored, not searchable yet: en.wav')).toBeVisible({ timeout: 30_000 }) // prettier-ignore
  await phone.close()
  const empty = await share({})
  await expect(empty.getByRole('alert')).toBeVisible()
  await empty.close()
})

test('a shared address becomes a note, and so does a page that a bookmark hands over', async () => {
  const phone = await share({
    title: 'Garden weekly',
    text: 'Tulips! https://garden.example/tulips',
  })
  await phone.getByTestId('share-clip').first().click()
  await expect(phone).toHaveURL(/\/notes\?note=Clips/, { timeout: 30_000 })
  expect(await kept('Garden')).toMatchObject([{ source: 'https://garden.example/tulips' }])
  await phone.close()

  await page.goto(`${companion.url}/settings`)
  const address = await page.getByTestId('bookmarklet').getAttribute('href')
  const other = await context.newPage()
  await other.route(
    'https://pumps.example/**',
    (route) =>
    route.fulfill({ contentType: 'text/html', body: '<title>Pump guide</title><article><h1>Pump guide</h1><p>Inspect the pump every 500 hours, and change the seal every second year of its life.</p></article>' }), // prettier-ignore
  )
  await other.goto('https://pumps.example/guide')
  const opened = context.waitForEvent('page')
  await other.evaluate((code) => {
    const link = document.createElement('a')
    link.href = code ?? ''
    document.body.append(link)
    link.click()
  }, address)
  const silo = await opened
  await silo.waitForURL(`${companion.url}/share*`)
  const item = silo.getByTestId('shared-item').first()
  await expect(item).toContainText('Pump guide')
  await item.getByTestId('share-clip').click()
  await expect(silo).toHaveURL(/\/notes\?note=Clips/, { timeout: 30_000 })
  expect(await kept('Pump')).toMatchObject([{ source: 'https://pumps.example/guide' }])
  await expect(silo.getByTestId('note-text')).toHaveValue(/every 500 hours/)
  await silo.close()
  await other.close()
})

test('what is shared while the companion is away is kept, and sent once when it is back', async () => {
  await companion.stop('SIGKILL')
  const phone = await share({ files: [fixture('travel-policy.docx'), fixture('suppliers.csv')], text: 'For the trip' }) // prettier-ignore
  const item = phone.getByTestId('shared-item').first()
  await expect(item).toContainText('travel-policy.docx')
  await phone.getByTestId('share-keep').first().click()
  await expect(item).toContainText('Waits for the companion')
  const dropped = await share({ text: 'Never mind' })
  await dropped.getByTestId('share-keep').first().click()
  await expect(dropped.getByTestId('shared-item').first()).toHaveAttribute('data-state', 'waiting')
  await dropped.getByTestId('share-cancel').first().click()
  await expect(dropped.getByTestId('shared-item').first()).not.toContainText('Never mind')
  // Closing everything loses nothing: another page goes on with it, whichever page of the app that is.
  await phone.close()
  await dropped.close()
  await page.goto(`${companion.url}/vault`)
  companion = await startCompanionProcess(companion.home, { SILO_PORT: String(port) })
  await expect
    .poll(async () => (await documents().catch(() => [])).map(({ title }) => title).length, {
      timeout: readMs,
    })
    .toBe(3)
  const { uploads } = (await api('/api/uploads')) as { uploads: { name: string; state: string }[] }
  const names = uploads.map(({ name }) => name)
  expect(names.filter((name) => name === 'travel-policy.docx')).toHaveLength(1)
  expect(names.join()).not.toContain('Never mind')
  expect(uploads.every(({ state }) => state === 'complete')).toBe(true)
  const titles = (await documents()).map(({ path }) => path.split('/').at(-1))
  // The CSV of before is the same file, and one document.
  expect(titles).toEqual(['product-spec-fm7.pdf', 'suppliers.csv', 'travel-policy.docx'])
  await page.goto(`${companion.url}/share`)
  const sent = page.getByTestId('shared-item').filter({ hasText: 'travel-policy' })
  await expect(sent).toHaveAttribute('data-state', 'sent')
})

test('files are added from the collection page, through a lost connection', async () => {
  await page.goto(`${companion.url}/vault/shared-files`)
  await expect(page.getByTestId('add-files')).toBeVisible()
  await context.setOffline(true)
  await page.getByTestId('file-input').setInputFiles(fixture('employee-handbook.md'))
  const upload = page.getByTestId('upload')
  await expect(upload).toHaveAttribute('data-state', 'paused')
  await context.setOffline(false)
  await expect(upload).toHaveAttribute('data-state', 'done', { timeout: 30_000 })
  await expect.poll(async () => (await documents()).length, { timeout: readMs }).toBe(4)
})
