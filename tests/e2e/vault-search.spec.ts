import { fileURLToPath } from 'node:url'
import { expect, test, type Page } from '@playwright/test'
import { makeHome, removeHome, startCompanionProcess, type RunningCompanion } from './companion.ts'

/** Search in the vault with the real embedding model: what is understood is shown, can be removed, and nothing is made up. */
const documents = fileURLToPath(new URL('../fixtures/documents/', import.meta.url))
const names = ['lease-hamburg-warehouse.pdf', 'employee-handbook.md', 'meeting-2026-03-12-product.md', '安全生产须知.txt'] // prettier-ignore
const collectionId = 'vault-search-1'
const readMs = 180_000

test.describe.configure({ mode: 'serial' })

let companion: RunningCompanion
let page: Page

/** The API that the signed-in page speaks to. */
const api = (path: string, method: string, body?: unknown): Promise<unknown> =>
  page.evaluate(
    async ({ path, method, body }) => {
      const headers = { 'content-type': 'application/json' }
      const init = body === undefined ? {} : { headers, body: JSON.stringify(body) }
      return (await fetch(path, { method, ...init })).json() as unknown
    },
    { path, method, body },
  )

test.beforeAll(async ({ browser }) => {
  const home = makeHome(['multilingual-e5-small'])
  companion = await startCompanionProcess(home, {}, 'tests/fakes/answering-companion.ts')
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, locale: 'en-US' }) // prettier-ignore
  page = await context.newPage()
  await page.goto(companion.urlWithToken)
  await api('/api/settings', 'PATCH', { onboarded: true })
  await api('/api/collections', 'POST', { id: collectionId, name: 'Office' })
  const paths = names.map((name) => documents + name)
  await api('/api/runs', 'POST', { kind: 'ingest', id: 'vault-search-run', collectionId, paths })
  // Of the run itself: a page that opens after it has ended has nothing to show of it.
  const outcome = async () =>
    ((await api('/api/runs/vault-search-run/events', 'GET')) as { run: { outcome?: string } }).run
      .outcome
  await expect.poll(outcome, { timeout: readMs }).toBe('done')
  await page.goto(`${companion.url}/vault/${collectionId}`)
})

test.afterAll(async () => {
  await page?.context().close()
  await companion?.stop()
  if (companion) removeHome(companion.home)
})

async function search(query: string): Promise<void> {
  await page.getByTestId('vault-search').fill(query)
  await page.getByTestId('vault-search').press('Enter')
  await expect(page.getByTestId('search-hit').first()).toBeVisible({ timeout: 60_000 })
}

test('a type that is named narrows the search, and can be taken away', async () => {
  await search('the PDF about the notice period of the warehouse')
  const chip = page.getByTestId('understood')
  await expect(chip).toHaveText(/file: the PDF/)
  await expect(page.getByTestId('search-hit').first()).toContainText('Lease Agreement')
  const narrowed = await page.getByTestId('search-hit').count()
  await chip.getByRole('button').click()
  await expect(chip).toBeHidden()
  await expect.poll(() => page.getByTestId('search-hit').count()).toBeGreaterThan(narrowed)
})

test('a time in which there is nothing is dropped, and said to be', async () => {
  await search('the lease of the warehouse from March 1999')
  await expect(page.getByTestId('understood')).toHaveText(/nothing fits/)
  await expect(page.getByTestId('search-hit').first()).toContainText('Lease Agreement')
})

test('what the vault does not hold is said not to be there, with what is nearest below', async () => {
  await search('recipe for apple pie')
  await expect(page.getByTestId('not-found')).toBeVisible()
})

test('a chat says plainly that the vault does not hold it, without a guess', async () => {
  await page.getByTestId('ask-collection').click()
  await page.getByTestId('composer-input').fill('怎么做红烧肉？')
  await page.getByTestId('send').click()
  const message = page.getByTestId('message-assistant').last()
  await expect(message).toHaveAttribute('data-outcome', 'done', { timeout: readMs })
  await expect(message).toContainText('你的知识库里没有这个问题的答案')
})
