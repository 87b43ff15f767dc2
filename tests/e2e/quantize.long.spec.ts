import { expect, test, type Page } from '@playwright/test'
import { makeHome, removeHome, startCompanionProcess, type RunningCompanion } from './companion.ts'

/** A person makes a 3.5-bit version of the 1.5B, talks with it, and deletes it. */
test.describe.configure({ mode: 'serial', retries: 0 })

const makeMs = 8 * 60_000
const answerMs = 180_000
const sourceId = 'qwen2.5-coder-1.5b'
let home: string
let companion: RunningCompanion
let page: Page

test.beforeAll(async ({ browser }) => {
  home = makeHome([sourceId, 'smollm2-135m'])
  companion = await startCompanionProcess(home, { SILO_OFFLINE: '1', SILO_LAN: '0' })
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, locale: 'en-US' }) // prettier-ignore
  page = await context.newPage()
  await page.goto(companion.urlWithToken)
  await page.evaluate(() =>
    fetch('/api/settings', {
      method: 'PATCH',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ onboarded: true, temperature: 0, chatModelId: 'smollm2-135m' }),
    }),
  )
})
test.afterAll(async () => {
  await companion?.stop()
  removeHome(home)
})

const row = (id: string) => page.locator(`[data-testid="model-row"][data-model="${id}"]`)

async function choose(id: string, action: string): Promise<void> {
  await row(id)
    .getByRole('button', { name: /^Actions for/ })
    .click()
  await page.getByRole('menuitem', { name: action }).click()
}

test('a model that would gain nothing is refused, and says so', async () => {
  await page.goto(`${companion.url}/models`)
  await choose('smollm2-135m', 'Make a 3.5-bit version')
  await expect(page.getByText(/gains nothing from this/)).toBeVisible({ timeout: 30_000 })
})

test('the 1.5B becomes a file of 3.6 bits per weight or fewer, and answers', async () => {
  test.setTimeout(makeMs + answerMs + 60_000)
  await page.goto(`${companion.url}/models`)
  await choose(sourceId, 'Make a 3.5-bit version')
  await expect(page.getByText('Making the smaller file')).toBeVisible()
  const made = row(`${sourceId}-3.5bit`)
  await expect(made).toContainText(/perplexity \d+\.\d+ instead of \d+\.\d+/, { timeout: makeMs })
  await expect(made).toContainText('made here')
  const [, bits] = /(\d\.\d\d) bpw/.exec(await made.innerText()) ?? []
  expect(Number(bits)).toBeLessThanOrEqual(3.6)

  await choose(`${sourceId}-3.5bit`, 'Use for chat')
  await expect(made).toContainText('default')
  await page.goto(companion.url)
  await page.getByTestId('composer-input').fill('What is the capital of France? One word.')
  await page.getByTestId('send').click()
  const answer = page.getByTestId('message-assistant').last()
  await expect(answer).toHaveAttribute('data-outcome', 'done', { timeout: answerMs })
  await expect(answer).toContainText('Paris')
})

test('it is deleted with its file', async () => {
  await page.goto(`${companion.url}/models`)
  await choose(`${sourceId}-3.5bit`, 'Delete')
  await page.getByRole('button', { name: 'Delete the file' }).click()
  await expect(row(`${sourceId}-3.5bit`)).toHaveCount(0)
  await expect(row(sourceId)).toBeVisible()
})
