import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test, type BrowserContext, type Page } from '@playwright/test'
import { hostApp, type AppHost } from './app-host.ts'
import { makeHome, removeHome, startCompanionProcess, type RunningCompanion } from './companion.ts'

/**
 * Flight mode: a phone that is paired as a member keeps a collection, and answers from it by itself when neither its
 * companion nor the app's own server is there. Real models on both sides; the app comes from an origin of its own.
 */
const answerMs = 400_000
const syncMs = 60_000

test.describe.configure({ mode: 'serial' })

let home: string
let companion: RunningCompanion
let app: AppHost
let context: BrowserContext
let phone: Page
let collectionId: string
const folder = mkdtempSync(join(tmpdir(), 'silo-replica-e2e-'))

const documents: Record<string, string> = {
  'lease.md':
    '# Lease of the Hamburg warehouse\n\n## Termination\n\nThe notice period is seven months to the end of a quarter.\n',
  '厂房合同.md': '# 厂房租赁合同\n\n## 押金\n\n承租方应支付押金人民币八万元整，租期届满后退还。\n',
  'boiler.md':
    '# Boiler\n\n## Service\n\nThe boiler is serviced every May by the Kranich company.\n',
}

test.beforeAll(async () => {
  test.setTimeout(300_000)
  for (const [name, text] of Object.entries(documents)) writeFileSync(join(folder, name), text)
  home = makeHome(['smollm2-135m', 'multilingual-e5-small'])
  companion = await startCompanionProcess(home, { SILO_LINK_PORT: '0' })
  await owner('PATCH', '/api/settings', { onboarded: true, temperature: 0 })
  collectionId = 'replica-e2e-collection'
  await owner('POST', '/api/collections', { id: collectionId, name: 'Contracts' })
  await read()
  app = await hostApp()
})

test.afterAll(async () => {
  await context?.close()
  await app?.close()
  await companion?.stop()
  if (home) removeHome(home)
  rmSync(folder, { recursive: true, force: true })
})

/** A request of the person at the companion. */
async function owner<T>(method: string, path: string, body?: unknown): Promise<T> {
  const token = new URL(companion.urlWithToken).searchParams.get('token')
  const response = await fetch(companion.url + path, {
    method,
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  expect(response.ok, `${method} ${path}: ${await response.clone().text()}`).toBe(true)
  return (response.status === 204 ? undefined : await response.json()) as T
}

/** Has the companion read the folder as it is now. */
async function read(): Promise<void> {
  const id = `run-${Date.now()}-replica`
  await owner('POST', '/api/runs', { kind: 'ingest', id, collectionId, paths: [folder] })
  await expect
    .poll(
      async () =>
        (await owner<{ run: { outcome?: string } }>('GET', `/api/runs/${id}/events`)).run.outcome,
      { timeout: answerMs },
    ) // prettier-ignore
    .toBe('done')
}

const chip = () => phone.getByTestId('connection')
const row = () => phone.getByTestId('copy-row').filter({ hasText: 'Contracts' })
const last = () => phone.getByTestId('message-assistant').last()

async function ask(text: string): Promise<void> {
  await phone.getByTestId('composer-input').fill(text)
  await phone.getByTestId('send').click()
}

/** What a search on the phone finds, best first. */
async function found(query: string): Promise<string[]> {
  await phone.goto(`${app.url}/vault/${collectionId}`)
  await phone.getByTestId('vault-search').fill(query)
  await phone.getByTestId('vault-search').press('Enter')
  await expect(phone.getByTestId('search-hit').or(phone.getByText('No passage')).first()).toBeVisible({ timeout: syncMs }) // prettier-ignore
  return phone.getByTestId('search-hit').allInnerTexts()
}

test('a phone pairs by link, and fetches a small model that answers', async ({ browser }) => {
  const { link } = await owner<{ link: string }>('POST', '/api/pairings', { id: 'replica-e2e-pairing', role: 'member' }) // prettier-ignore
  context = await browser.newContext({ viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true, locale: 'en-US' }) // prettier-ignore
  phone = await context.newPage()
  await phone.goto(`${app.url}/pair${new URL(link).hash}`)
  await phone.getByTestId('device-name').fill('Test phone')
  await phone.getByTestId('pair-now').click()
  await phone.getByTestId('open-silo').click()
  await expect(chip()).toHaveAttribute('data-connection', 'online')
  await phone.goto(`${app.url}/models`)
  const model = phone.locator('[data-testid="device-model"][data-model="smollm2-135m"]')
  await model.getByRole('button', { name: 'Download' }).click()
  await expect(model).toHaveAttribute('data-state', 'installed', { timeout: 120_000 })
})

test('it keeps a collection, with the model that searches it by meaning', async () => {
  await phone.goto(`${app.url}/vault`)
  await expect(row()).toHaveAttribute('data-state', 'absent', { timeout: syncMs })
  await row().getByRole('switch').click()
  await expect(row()).toHaveAttribute('data-state', 'whole', { timeout: syncMs })
  await expect(phone.getByTestId('search-model')).toHaveAttribute('data-state', 'here', { timeout: 120_000 }) // prettier-ignore
  await expect(row()).toContainText('as of')
  // The owner can read who copied what.
  const { entries } = await owner<{ entries: { action: string; deviceName: string; allowed: boolean; count?: number }[] }>('GET', '/api/audit') // prettier-ignore
  expect(entries.find(({ action }) => action === 'copy')).toMatchObject({ deviceName: 'Test phone', allowed: true, count: 3 }) // prettier-ignore
  // What the time without a companion needs is stored by now or a little later.
  await phone.evaluate(() => navigator.serviceWorker.ready)
  await phone.goto(app.url)
  let before = ''
  const stored = () =>
    phone.evaluate(async () => {
      const names: string[] = []
      for (const name of await caches.keys())
        for (const { url } of await (await caches.open(name)).keys()) names.push(url)
      return names.join('\n')
    })
  await expect.poll(stored, { timeout: syncMs }).toContain('wllama')
  await expect.poll(async () => before === (before = await stored()), { timeout: syncMs, intervals: [6000] }).toBe(true) // prettier-ignore
})

test('with everything away it lists, searches and opens what it has', async () => {
  await companion.stop()
  await app.close()
  await phone.goto(`${app.url}/vault`)
  await expect(chip()).not.toHaveAttribute('data-connection', 'online')
  await expect(phone.getByTestId('collection-row')).toContainText('Contracts')
  await expect(row()).toHaveAttribute('data-state', 'whole')
  const english = await found('How long before the end must the contract be cancelled?')
  expect(english[0]).toContain('seven months')
  const chinese = await found('押金是多少？')
  expect(chinese[0]).toContain('八万元')
  await phone.getByTestId('search-hit').first().click()
  const dialog = phone.getByRole('dialog')
  await expect(dialog.locator('mark')).toContainText('承租方应支付押金人民币八万元整')
})

for (const [language, question, title, passage] of [
  ['English', 'What is the notice period of the Hamburg lease?', /lease/i, 'seven months'],
  ['Chinese', '厂房租赁合同的押金是多少？', /厂房/, '八万元'],
] as const)
  test(`a question in ${language} is answered by the page, with citations that open`, async () => {
    test.setTimeout(answerMs + 60_000)
    await phone.goto(`${app.url}/?collection=${collectionId}`)
    await ask(question)
    await expect(last()).toHaveAttribute('data-outcome', 'done', { timeout: answerMs })
    await expect(last()).toHaveAttribute('data-place', 'page')
    const source = phone.getByTestId('citation-chip').filter({ hasText: title }).first()
    await expect(source).toBeVisible()
    await source.click()
    await expect(phone.getByTestId('passage').locator('mark')).toContainText(passage)
  })

test('edits and deletions arrive when the companion is back', async () => {
  companion = await startCompanionProcess(home, { SILO_LINK_PORT: '0' })
  writeFileSync(join(folder, 'lease.md'), documents['lease.md']!.replace('seven months', 'nine weeks')) // prettier-ignore
  rmSync(join(folder, 'boiler.md'))
  await read()
  await phone.reload()
  await expect(chip()).toHaveAttribute('data-connection', 'online', { timeout: syncMs })
  await phone.goto(`${app.url}/vault`)
  await expect(row()).toContainText('2 passages', { timeout: syncMs })
  // The deletion may have come by itself, while the edit was still being read.
  await phone.waitForTimeout(5000)
  await companion.stop()
  await expect(chip()).not.toHaveAttribute('data-connection', 'online', { timeout: syncMs })
  const hits = await found('notice period of the lease; who services the boiler?')
  expect(hits.join('\n')).toContain('nine weeks')
  expect(hits.join('\n')).not.toContain('seven months')
  expect(hits.join('\n')).not.toContain('Kranich')
})

test('a copy that may not be had any more is gone', async () => {
  companion = await startCompanionProcess(home, { SILO_LINK_PORT: '0' })
  const { sharing } = await owner<{ sharing: { version: number } }>('GET', `/api/collections/${collectionId}/sharing`) // prettier-ignore
  await owner('PUT', `/api/collections/${collectionId}/sharing`, { version: sharing.version, grants: [] }) // prettier-ignore
  await phone.reload()
  await expect(chip()).toHaveAttribute('data-connection', 'online', { timeout: syncMs })
  await phone.goto(`${app.url}/vault`)
  await expect(phone.getByTestId('copy-gone')).toContainText('Contracts', { timeout: syncMs })
  await expect(row()).toHaveCount(0)
  await phone.getByTestId('copy-gone').getByRole('button').click()
  expect(await storedParts()).toBe(0)
})

test('a device that was removed keeps nothing', async () => {
  const { sharing } = await owner<{ sharing: { version: number } }>('GET', `/api/collections/${collectionId}/sharing`) // prettier-ignore
  const grants = [{ subject: { kind: 'members' }, level: 'read', copy: true }]
  await owner('PUT', `/api/collections/${collectionId}/sharing`, { version: sharing.version, grants }) // prettier-ignore
  await phone.goto(`${app.url}/vault`)
  await row().getByRole('switch').click()
  await expect(row()).toHaveAttribute('data-state', 'whole', { timeout: syncMs })
  expect(await storedParts()).toBeGreaterThan(0)
  const { devices } = await owner<{ devices: { id: string; name: string }[] }>('GET', '/api/devices') // prettier-ignore
  await owner('DELETE', `/api/devices/${devices.find(({ name }) => name === 'Test phone')!.id}`)
  await expect(phone.getByTestId('revoked')).toBeVisible({ timeout: syncMs })
  await expect.poll(storedParts, { timeout: syncMs }).toBe(0)
})

/** Segments and texts in this browser's storage. */
function storedParts(): Promise<number> {
  return phone.evaluate(
    () =>
      new Promise<number>((resolve, reject) => {
        const opening = indexedDB.open('silo-vault')
        opening.addEventListener('error', () => reject(opening.error))
        opening.addEventListener('success', () => {
          const tx = opening.result.transaction(['segments', 'texts'])
          const counts = ['segments', 'texts'].map((name) => tx.objectStore(name).count())
          tx.addEventListener('complete', () => {
            resolve(counts.reduce((sum, { result }) => sum + result, 0))
            opening.result.close()
          })
        })
      }),
  )
}
