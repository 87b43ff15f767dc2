import { rmSync } from 'node:fs'
import { expect, test, type Page } from '@playwright/test'
import { makeHome, startCompanionProcess, type RunningCompanion } from './companion.ts'

test.describe.configure({ mode: 'serial' })

let companion: RunningCompanion
let page: Page

test.beforeAll(async ({ browser }) => {
  companion = await startCompanionProcess(makeHome(['smollm2-135m']))
  page = await browser.newPage()
  await page.goto(companion.urlWithToken)
  await page.evaluate(() =>
    fetch('/api/settings', {
      method: 'PATCH',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ onboarded: true }),
    }),
  )
  await page.goto(`${companion.url}/models`)
})
test.afterAll(async () => {
  await page.close()
  await companion.stop()
  rmSync(companion.home, { recursive: true, force: true })
})

const row = () => page.locator('[data-testid="device-model"][data-model="smollm2-135m"]')

test('says what this browser can run, and why', async () => {
  const section = page.getByTestId('device-models')
  await expect(section).toHaveAttribute('aria-busy', 'false')
  await expect(section).toContainText('free')
  await expect(row()).toContainText(/runs on/)
  // Headless Chromium has no GPU, or a simulated one.
  await section.getByText(/Not in this browser/).click()
  await expect(section).toContainText(/needs a GPU/)
})

test('fetches a model from the companion, pauses, goes on after a reload, and checks it', async () => {
  const sent: string[] = []
  page.on('request', (request) => {
    const { range } = request.headers()
    if (request.url().includes('/api/page-models/smollm2-135m/files/')) sent.push(range ?? '')
  })
  await row().getByRole('button', { name: 'Download' }).click()
  await expect
    .poll(async () => Number(await row().getByRole('progressbar').getAttribute('aria-valuenow')))
    .toBeGreaterThan(10)
  await row().getByRole('button', { name: 'Pause' }).click()
  await expect(row()).toContainText('partial')
  await page.reload()
  await expect(row()).toContainText('partial')
  sent.length = 0
  await row().getByRole('button', { name: 'Resume' }).click()
  await expect(row()).toHaveAttribute('data-state', 'installed', { timeout: 60_000 })
  expect(sent[0]).toMatch(/^bytes=[1-9]\d+-/)
})

test('the engine has come with the model: it is stored before its first use', async () => {
  expect(
    await page.evaluate(async () => {
      const stored = await Promise.all((await caches.keys()).map(async (name) => (await caches.open(name)).keys())) // prettier-ignore
      return stored.flat().some(({ url }) => /wllama\.[\w-]+\.wasm$/.test(url))
    }),
  ).toBe(true)
})

test('the model writes in the page: nothing is asked of the companion or of anyone else', async () => {
  const asked: string[] = []
  page.on('request', (request) => asked.push(request.url()))
  await row().getByRole('button', { name: 'Measure speed' }).click()
  await expect(row()).toContainText('tokens/s here', { timeout: 120_000 })
  await expect(row()).toContainText('in memory')
  const strangers = asked.filter(
    (url) => !url.startsWith(companion.url) && !url.startsWith('blob:') && !url.startsWith('data:'),
  )
  expect(strangers).toEqual([])
  expect(asked.filter((url) => url.includes('/v1/') || url.includes('/api/runs'))).toEqual([])
})

test('the same with no companion: the engine and the model are on this device', async () => {
  await companion.stop()
  await page.reload()
  await row().getByRole('button', { name: 'Measure speed' }).click()
  await expect(row()).toContainText('in memory', { timeout: 120_000 })
})

test('deletes the model', async () => {
  await row().getByRole('button', { name: 'Delete' }).click()
  await page.getByTestId('confirm-device-delete').click()
  await expect(row()).toHaveAttribute('data-state', 'absent')
  // The companion is away, and no hub is known for this one.
  await expect(row()).toContainText('no companion in reach has it')
  await expect(row().getByRole('button', { name: 'Download' })).toHaveCount(0)
})
