import { mkdirSync, mkdtempSync, readdirSync, rmSync, unlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test, type BrowserContext, type Page } from '@playwright/test'
import { newId } from '#shared/domain/ids.ts'
import { makeHome, removeHome, startCompanionProcess, type RunningCompanion } from './companion.ts'

/** The vault is checked in the settings: nothing to find, something broken, repaired, and in order again. */
test.describe.configure({ mode: 'serial' })

type Loose = any // eslint-disable-line @typescript-eslint/no-explicit-any
const files = mkdtempSync(join(tmpdir(), 'silo-check-'))
const collectionId = newId()
let companion: RunningCompanion
let context: BrowserContext
let page: Page

const api = (path: string, method = 'GET', body?: unknown): Promise<Loose> =>
  page.evaluate(
    async ({ path, method, body }) => {
      const headers = { 'content-type': 'application/json' }
      const init = body === undefined ? {} : { headers, body: JSON.stringify(body) }
      return (await fetch(path, { method, ...init })).json() as unknown
    },
    { path, method, body },
  )
const check = () => page.getByTestId('vault-check')
const findings = () => page.getByTestId('check-finding')

test.beforeAll(async ({ browser }) => {
  companion = await startCompanionProcess(makeHome(['multilingual-e5-small']), {}, 'tests/fakes/answering-companion.ts') // prettier-ignore
  context = await browser.newContext({ viewport: { width: 1440, height: 900 }, locale: 'en-US' })
  page = await context.newPage()
  await page.goto(companion.urlWithToken)
  await api('/api/settings', 'PATCH', { onboarded: true })
  const folder = join(files, 'notes')
  mkdirSync(folder)
  for (const name of ['garden', 'kitchen', 'cellar'])
    writeFileSync(join(folder, `${name}.md`), `# ${name}\n\nWhat there is to do in the ${name}.\n`)
  await api('/api/collections', 'POST', { id: collectionId, name: 'House' })
  const id = newId()
  await api('/api/runs', 'POST', { kind: 'ingest', id, collectionId, paths: [folder] })
  const outcome = async () => (await api(`/api/runs/${id}/events`)).run.outcome as string
  await expect.poll(outcome, { timeout: 120_000 }).toBe('done')
})
test.afterAll(async () => {
  await context?.close()
  await companion?.stop()
  if (companion) removeHome(companion.home)
  rmSync(files, { recursive: true, force: true })
})

test('never checked, then checked and in order', async () => {
  await page.goto(`${companion.url}/settings`)
  await expect(check()).toContainText('Never checked')
  await page.getByTestId('check-run').click()
  await expect(check()).toContainText('In order', { timeout: 60_000 })
  await expect(check()).toContainText('3 documents')
  await expect(page.getByTestId('check-repair')).toHaveCount(0)
})

test('a lost text is found and said; repaired it is there again', async () => {
  const texts = join(companion.home, 'vault', 'texts')
  const [lost = ''] = readdirSync(texts).filter((name) => name.endsWith('.txt'))
  unlinkSync(join(texts, lost))
  writeFileSync(join(texts, `${'e'.repeat(32)}.txt`), 'of no document')
  await page.getByTestId('check-run').click()
  await expect(findings()).toHaveCount(2, { timeout: 60_000 })
  await expect(findings().first()).toContainText('1 text lost or other than indexed')
  await expect(findings().first()).toContainText('House')
  await expect(findings().first()).toContainText('not repaired')
  // What was found is still said to who opens the page later.
  await page.reload()
  await expect(findings()).toHaveCount(2)
  await page.getByTestId('check-repair').click()
  await expect(findings().filter({ hasText: 'not repaired' })).toHaveCount(0, { timeout: 60_000 })
  await expect(findings()).toHaveCount(2)
  expect(readdirSync(texts)).toContain(lost)
  await page.getByTestId('check-run').click()
  await expect(check()).toContainText('In order', { timeout: 60_000 })
})

test('a companion that is away is said to be, and the row does not hang', async () => {
  await page.route('**/api/vault/check', (route) => route.abort())
  await page.reload()
  await expect(check().getByRole('alert')).toBeVisible()
  await page.unroute('**/api/vault/check')
  await check().getByRole('button', { name: /again/i }).first().click()
  await expect(check()).toContainText('In order')
})

test('the page of a collection says how it is searched, and later too why a reading failed', async () => {
  await page.goto(`${companion.url}/vault/${collectionId}`)
  const index = page.getByTestId('index-state')
  await expect(index).toContainText('every passage compared · 3 passages ·')
  await expect(index.getByTestId('dataset')).toHaveAttribute('data-kind', 'exact')
  rmSync(join(files, 'notes'), { recursive: true })
  const id = newId()
  await api('/api/runs', 'POST', { kind: 'ingest', id, collectionId, paths: [] })
  const outcome = async () => (await api(`/api/runs/${id}/events`)).run.outcome as string
  await expect.poll(outcome, { timeout: 60_000 }).toBe('failed')
  await page.reload()
  await expect(page.getByTestId('ingest-progress').getByRole('alert')).toBeVisible()
})
