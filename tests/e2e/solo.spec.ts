import { fileURLToPath } from 'node:url'
import { expect, test, type Page } from '@playwright/test'
import { makeHome, removeHome, startCompanionProcess, type RunningCompanion } from './companion.ts'

/** The main job, on real input with the real model: from the first page to a grounded answer and a live page. */
const documents = fileURLToPath(new URL('../fixtures/documents', import.meta.url))
/** A 0.5B model on two cores: reading the passages alone takes a while. */
const answerMs = 180_000

test.describe.configure({ mode: 'serial' })

let companion: RunningCompanion
let page: Page

test.beforeAll(async ({ browser }) => {
  companion = await startCompanionProcess(makeHome())
  const context = await browser.newContext({
    viewport: { width: 1440, height: 900 },
    locale: 'en-US',
    permissions: ['clipboard-read', 'clipboard-write'],
  })
  page = await context.newPage()
})

test.afterAll(async () => {
  await page?.context().close()
  await companion?.stop()
  if (companion) removeHome(companion.home)
})

async function ask(text: string): Promise<void> {
  await page.getByTestId('composer-input').fill(text)
  await page.getByTestId('send').click()
}

/** The newest answer, once it is finished. */
async function answer() {
  const message = page.getByTestId('message-assistant').last()
  await expect(message).toHaveAttribute('data-outcome', 'done', { timeout: answerMs })
  return message
}

test('a stranger without the token is asked to sign in', async ({ browser }) => {
  const context = await browser.newContext()
  const stranger = await context.newPage()
  await stranger.goto(companion.url)
  await expect(stranger.getByTestId('sign-in')).toBeVisible()
  await context.close()
})

test('the first visit shows the machine, and reads a folder', async () => {
  await page.goto(companion.urlWithToken)
  await expect(page).toHaveURL(/\/welcome$/)
  expect(page.url()).not.toContain('token')
  await page.getByTestId('choose-folder').click()
  await page.getByTestId('folder-path').fill(documents)
  await page.getByTestId('folder-path').press('Enter')
  await page.getByTestId('read-folder').click()
  await expect(page.getByTestId('ingest-progress')).toBeVisible()
  await expect(page.getByTestId('ingest-progress')).toBeHidden({ timeout: answerMs })
  await expect(page.getByText('24 new')).toBeVisible()
  // Greedy decoding: the same questions get the same answers on every run.
  await page.evaluate(() =>
    fetch('/api/settings', {
      method: 'PATCH',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ temperature: 0 }),
    }),
  )
  await page.getByTestId('onboarding-start').click()
  await expect(page.getByTestId('composer-input')).toBeVisible()
})

test('an English question is answered from the right document while it is being written', async () => {
  await ask('What is the notice period in the lease for the Hamburg warehouse?')
  const message = page.getByTestId('message-assistant').last()
  const lengths = new Set<number>()
  await expect
    .poll(
      async () => {
        lengths.add((await message.innerText().catch(() => '')).length)
        return message.getAttribute('data-outcome')
      },
      { timeout: answerMs, intervals: [100] },
    )
    .toBe('done')
  expect(lengths.size, 'the answer grew while it was written').toBeGreaterThan(3)
  await expect(message).toContainText(/seven|7/i)
  await page.getByTestId('citation-chip').filter({ hasText: 'lease' }).first().click()
  const passage = page.getByTestId('passage')
  await expect(passage).toBeVisible()
  await expect(passage.locator('mark')).toContainText(/notice/i)
  await expect(page.getByTestId('artifact-pane')).toContainText('lease-hamburg-warehouse.pdf')
})

test('a Chinese question is answered from the right document', async () => {
  await page.getByTestId('new-chat').first().click()
  await expect(page.getByTestId('message-assistant')).toHaveCount(0)
  await page.getByTestId('collection-picker').getByRole('button').first().click()
  await page.getByRole('menuitemcheckbox', { name: /My documents/ }).click()
  await page.keyboard.press('Escape')
  await ask('差旅住宿标准上限是多少？')
  const message = await answer()
  await expect(message).toContainText('520')
  await page.getByTestId('citation-chip').first().click()
  await expect(page.getByTestId('artifact-pane')).toContainText('差旅管理办法.docx')
})

test('a small web page runs in the artifact pane, without a network', async () => {
  await page.goto(`${companion.url}/`)
  await ask(
    'Write a small web page in one html code block: a heading that says Hello Silo and a button that counts clicks.',
  )
  await answer()
  const frame = page.frameLocator('[data-testid="artifact-frame"]')
  await expect(frame.locator('body')).toContainText(/hello/i)
  const isolated = await frame.locator('body').evaluate(async () => ({
    origin: globalThis.origin,
    fetch: await fetch('/api/status').then(
      () => 'reached',
      () => 'blocked',
    ),
  }))
  expect(isolated).toEqual({ origin: 'null', fetch: 'blocked' })
})

test('a reload in the middle of an answer loses nothing', async () => {
  await page.goto(`${companion.url}/`)
  await ask('Tell me a long story about a lighthouse keeper and her cat.')
  const message = page.getByTestId('message-assistant').last()
  const said = () => message.locator('.markdown').innerText()
  await expect
    .poll(async () => (await said().catch(() => '')).length, { timeout: answerMs })
    .toBeGreaterThan(80)
  const before = (await said()).slice(0, 60)
  await page.reload()
  await expect(message).toContainText(before)
  await expect(message).toHaveAttribute('data-outcome', 'running')
  await expect.poll(async () => (await said()).length).toBeGreaterThan(before.length + 40)
  await page.getByTestId('stop').click()
  await expect(message).toHaveAttribute('data-outcome', 'cancelled')
  await expect(message).toContainText(before)
})

test('the app opens offline and shows what was said', async () => {
  const url = page.url()
  // The worker takes over with the first load it controls.
  await page.evaluate(async () => {
    await navigator.serviceWorker.ready
  })
  await page.reload()
  await expect(page.getByTestId('message-user').last()).toBeVisible()
  await companion.stop()
  await page.context().setOffline(true)
  await page.goto(url)
  await expect(page.getByTestId('offline-banner')).toBeVisible()
  await expect(page.getByTestId('message-user').last()).toContainText('lighthouse')
  await page.context().setOffline(false)
})
