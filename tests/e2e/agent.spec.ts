import { existsSync, mkdirSync, mkdtempSync, readdirSync, realpathSync, rmSync, writeFileSync } from 'node:fs' // prettier-ignore
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test, type Browser, type BrowserContext, type Page } from '@playwright/test'
import { makeHome, removeHome, startCompanionProcess, type RunningCompanion } from './companion.ts'

/** What people see of the agent: the way from an instruction to changed files and back, with no model in it. */
const names = ['Acme 1', 'Bolt 2', 'Corona 3', 'Delta unclear']

test.describe.configure({ mode: 'serial' })

let companion: RunningCompanion
let context: BrowserContext
let page: Page
let folder: string

const phone = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true }
async function open(browser: Browser, options: object = {}): Promise<[BrowserContext, Page]> {
  const made = await browser.newContext({ locale: 'en-US', ...options })
  const shown = await made.newPage()
  await shown.goto(companion.urlWithToken)
  return [made, shown]
}
function lay(): void {
  rmSync(join(folder, 'filed'), { recursive: true, force: true })
  for (const name of names) writeFileSync(join(folder, `${name}.txt`), `paper of ${name}`)
}
const here = () => readdirSync(folder).filter((name) => name.endsWith('.txt')).toSorted() // prettier-ignore
const filed = () => (existsSync(join(folder, 'filed')) ? readdirSync(join(folder, 'filed')).toSorted() : []) // prettier-ignore
const all = names.map((name) => `${name}.txt`)

/** Gives the task and comes to where it asks. */
async function begin(on: Page): Promise<void> {
  await on.goto(`${companion.url}/`)
  await on.getByTestId('composer-input').fill(`File the papers of ${folder}`)
  const chip = on.getByTestId('intent')
  await chip.getByRole('button').click()
  await on.getByRole('menuitemcheckbox', { name: 'File papers' }).click()
  await expect(chip).toHaveAttribute('data-skill', 'file-papers')
  await on.getByTestId('send').click()
  await expect(on.getByTestId('ask')).toBeVisible()
}

test.beforeAll(async ({ browser }) => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'silo-papers-')))
  mkdirSync(folder, { recursive: true })
  companion = await startCompanionProcess(
    makeHome([]),
    { SILO_FAKE_REPLY: 'Certainly.', SILO_FAKE_DELAY: '1', SILO_FAKE_SKILLS: '1' },
    'tests/fakes/companion.ts',
  )
  ;[context, page] = await open(browser)
  await page.evaluate(() =>
    fetch('/api/settings', {
      method: 'PATCH',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ onboarded: true }),
    }),
  )
})
test.afterAll(async () => {
  await context?.close()
  await companion?.stop()
  if (companion) removeHome(companion.home)
  rmSync(folder, { recursive: true, force: true })
})

test('an instruction becomes a plan; nothing is changed before it is approved, also over a reload', async () => {
  lay()
  await begin(page)
  await expect(page.getByTestId('plan')).toContainText('4 papers')
  await expect(page.getByTestId('task')).toHaveAttribute('data-state', 'waiting')
  await expect(page.getByTestId('ask')).toContainText('1 row to look at')
  await page.reload()
  await expect(page.getByTestId('plan')).toContainText('4 papers')
  await expect(page.getByTestId('ask')).toBeVisible()
  await expect(page.getByTestId('nav-inbox').getByTestId('asked')).toContainText('1')
  expect(here()).toEqual(all)
})

test('rows are judged one by one: what is unsure comes first, a value is corrected, a row left out', async () => {
  await page.getByTestId('ask-review').click()
  const rows = page.getByTestId('change-row')
  await expect(rows).toHaveCount(4)
  await expect(rows.first()).toHaveAttribute('data-unsure', 'true')
  await rows.first().getByTestId('fact-company').fill('Echo')
  await rows.first().getByTestId('fact-company').press('Enter')
  await expect(rows.first().getByTestId('new-name')).toHaveValue('Echo.txt')
  // From here on by keys: down to the second row, and leave it out.
  await page.getByTestId('change-rows').press('j')
  await page.getByTestId('change-rows').press('Space')
  await expect(rows.nth(1).getByRole('checkbox')).not.toBeChecked()
  await rows.nth(2).getByTestId('new-name').fill('Brandt.txt')
  await rows.nth(2).getByTestId('new-name').press('Enter')
  await expect(page.getByTestId('approve')).toContainText('3 of 4')
  await page.getByTestId('change-rows').press('Enter')
  await expect(page.getByTestId('batch')).toBeVisible()
  await expect(page.getByTestId('message-assistant')).toContainText('Filed 3 papers.')
  expect(filed()).toEqual(['Brandt.txt', 'Corona.txt', 'Echo.txt'])
  expect(here()).toEqual(['Acme 1.txt'])
})

test('one row is undone, then all; it is made again; the journal knows of it', async () => {
  await page.getByTestId('batch-rows').locator('summary').click()
  await page.getByTestId('undo-row').first().click()
  await expect(page.getByTestId('redo-row')).toHaveCount(1)
  await expect.poll(here).toHaveLength(2)
  await page.getByTestId('undo').click()
  await expect(page.getByTestId('batch')).toHaveAttribute('data-state', 'undone')
  expect(here()).toEqual(all)
  await page.getByTestId('redo').click()
  await expect(page.getByTestId('batch')).toHaveAttribute('data-state', 'made')
  expect(filed()).toEqual(['Brandt.txt', 'Corona.txt', 'Echo.txt'])
  await page.goto(`${companion.url}/journal`)
  await expect(page.getByTestId('batch')).toContainText('File 4 papers')
  await page.getByTestId('undo').click()
  await expect(page.getByTestId('batch')).toHaveAttribute('data-state', 'undone')
  expect(here()).toEqual(all)
})

test('a phone is asked too: cards in the inbox, approved there, seen on the other screen', async ({
  browser,
}) => {
  lay()
  await begin(page)
  const [phoneContext, hand] = await open(browser, phone)
  await hand.goto(`${companion.url}/inbox`)
  await hand.getByTestId('open-approval').getByRole('link').first().click()
  await expect(hand.getByTestId('change-row')).toHaveCount(4)
  await hand.getByTestId('change-row').last().getByRole('checkbox').uncheck()
  await hand.getByTestId('approve').tap()
  await expect(page.getByTestId('batch')).toBeVisible()
  await expect(page.getByTestId('ask')).toHaveCount(0)
  await expect.poll(filed).toHaveLength(3)
  await expect(hand.getByTestId('open-approval')).toHaveCount(0)
  await phoneContext.close()
})

test('denied: no file is touched, and the task says so', async () => {
  lay()
  await begin(page)
  await page.getByTestId('ask-deny').click()
  await expect(page.getByTestId('ask-past')).toHaveAttribute('data-decision', 'deny')
  await expect(page.getByTestId('task')).toHaveAttribute('data-state', 'ended')
  expect(here()).toEqual(all)
  expect(filed()).toEqual([])
})

test('stopped: what was asked is asked no more', async () => {
  await begin(page)
  await page.getByTestId('task-stop').click()
  await expect(page.getByTestId('task')).toHaveAttribute('data-outcome', 'cancelled')
  await expect(page.getByTestId('ask-past')).toHaveAttribute('data-decision', 'withdraw')
  expect(here()).toEqual(all)
})

test('a page that a program writes changes while the program goes on', async () => {
  await page.goto(`${companion.url}/`)
  await page.getByTestId('composer-input').fill('Draw a counter')
  const chip = page.getByTestId('intent')
  await expect(chip).toHaveAttribute('data-skill', 'draw-counter')
  await page.getByTestId('send').click()
  await page.getByTestId('allow').click()
  const shown = page.frameLocator('[data-testid="artifact-frame"]')
  const answer = page.getByText('The counter is drawn.')
  await expect(shown.getByRole('heading')).toHaveText('Step 2', { timeout: 15_000 })
  await expect(answer).toBeHidden()
  await expect(shown.getByRole('heading')).toHaveText('Step 3', { timeout: 15_000 })
  await expect(answer).toBeHidden()
  await expect(answer).toBeVisible({ timeout: 15_000 })
  await expect(shown.getByRole('heading')).toHaveText('Step 3')
})

test('the switches are off, go on for a time, and off again', async () => {
  const exec = page.getByTestId('switches').getByTestId('switch-exec').getByRole('switch')
  await expect(exec).toHaveAttribute('aria-checked', 'false')
  await exec.click()
  await expect(exec).toHaveAttribute('aria-checked', 'true')
  await expect(page.getByTestId('switches').getByTestId('switch-exec')).toContainText(/off at \d\d:\d\d/) // prettier-ignore
  await page.reload()
  await expect(exec).toHaveAttribute('aria-checked', 'true')
  await exec.click()
  await expect(exec).toHaveAttribute('aria-checked', 'false')
})

test('settings: a schedule for every Friday, and an own skill that says what is wrong with it', async () => {
  await page.goto(`${companion.url}/agent`)
  await page.getByTestId('add-schedule').click()
  await page.getByTestId('schedule-goal').fill('File the papers')
  await page.getByTestId('save-schedule').click()
  await expect(page.getByTestId('schedule')).toContainText('every Friday 17:00')
  await page.getByTestId('remove-schedule').click()
  await expect(page.getByTestId('schedule')).toHaveCount(0)
  await page.getByTestId('add-skill').click()
  await page.getByTestId('skill-id').fill('tidy')
  await page.getByTestId('skill-source').fill('no front matter')
  await page.getByTestId('save-skill').click()
  await expect(page.getByText('front matter').first()).toBeVisible()
})
