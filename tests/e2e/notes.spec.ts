import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test, type BrowserContext, type Page } from '@playwright/test'
import { makeHome, removeHome, startCompanionProcess, type RunningCompanion } from './companion.ts'

/** Notes: written here or by another program, linked, found, moved, thrown away, and never lost between two writers. */
test.describe.configure({ mode: 'serial' })

let companion: RunningCompanion
let context: BrowserContext
let page: Page
const notes = () => join(companion.home, 'notes')

test.beforeAll(async ({ browser }) => {
  companion = await startCompanionProcess(makeHome(['multilingual-e5-small']), {}, 'tests/fakes/companion.ts') // prettier-ignore
  context = await browser.newContext({ viewport: { width: 1280, height: 800 }, locale: 'en-US' })
  page = await context.newPage()
  await page.goto(companion.urlWithToken)
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
})

const text = () => page.getByTestId('note-text')
const saved = () => expect(page.getByTestId('save-state')).toHaveAttribute('data-state', 'saved')

test('a first note is written and saves itself into a Markdown file', async () => {
  await page.goto(`${companion.url}/notes`)
  await expect(page.getByText('No notes yet')).toBeVisible()
  await page.getByTestId('new-note').click()
  await expect(text()).toBeVisible()
  await text().fill('# Garden\n\n- water the tulips')
  await text().press('End')
  await text().press('Enter')
  await text().pressSequentially('prune the roses #garden')
  await saved()
  const file = join(notes(), 'Untitled.md')
  expect(readFileSync(file, 'utf8')).toBe(
    '# Garden\n\n- water the tulips\n- prune the roses #garden',
  )
  await expect(page.getByTestId('note-list')).toContainText('Garden')
})

test('it gets a name, a folder, and links that follow it', async () => {
  await page.getByRole('button', { name: 'More about “Garden”' }).click()
  await page.getByRole('menuitem', { name: 'Rename or move' }).click()
  await page.getByTestId('move-path').fill('home/Garden')
  await page.getByRole('button', { name: 'Save' }).click()
  await expect(page).toHaveURL(/note=home%2FGarden\.md/)

  await page.getByTestId('new-note').click()
  await expect(page).toHaveURL(/note=Untitled\.md/)
  await expect(text()).toHaveValue(/^# Untitled\s*$/)
  await text().fill('# Week\n\nfirst [[Gar')
  await text().press('End')
  await page.getByRole('group', { name: 'Notes to link' }).getByRole('button', { name: 'Garden' }).click() // prettier-ignore
  await expect(text()).toHaveValue('# Week\n\nfirst [[Garden]]')
  await saved()
  await expect(page.getByTestId('note-facts').getByRole('link', { name: 'Garden' })).toBeVisible()
  await page.getByRole('radio', { name: 'Read' }).check({ force: true })
  await page.locator('article').getByRole('link', { name: 'Garden' }).click()
  await expect(page).toHaveURL(/note=home%2FGarden\.md/)
  await expect(page.getByTestId('note-facts')).toContainText('Week')

  await page.getByRole('button', { name: 'More about “Garden”' }).click()
  await page.getByRole('menuitem', { name: 'Rename or move' }).click()
  await page.getByTestId('move-path').fill('home/Roses')
  await page.getByRole('button', { name: 'Save' }).click()
  await expect(page.getByText('links in 1 note were mended')).toBeVisible()
  expect(readFileSync(join(notes(), 'Untitled.md'), 'utf8')).toContain('[[Roses')
})

test('what another program writes appears, and is found by text and tag', async () => {
  mkdirSync(join(notes(), '旅行'), { recursive: true })
  writeFileSync(join(notes(), '旅行', '京都.md'), '# 京都三日\n\n住在河原町。 #旅行')
  await expect(page.getByTestId('note-list')).toContainText('京都三日')
  await page.getByTestId('find-notes').fill('京都')
  await expect(page.getByTestId('note-list').locator('li')).toHaveCount(1)
  await page.getByTestId('find-notes').fill('')
  await page.getByRole('button', { name: '#garden' }).click()
  await expect(page.getByTestId('note-list').locator('li')).toHaveCount(1)
  await page.getByRole('button', { name: '#garden' }).click()
  await page.getByTestId('note-list').getByText('京都三日').click()
  await expect(text()).toHaveValue(/河原町/)
})

test('two writers of one note are both kept until the person decides', async () => {
  await saved()
  let others = 0
  await page.route('**/api/notes/note?**', async (route) => {
    // Somebody else is a moment quicker, once.
    if (route.request().method() === 'PUT' && !others++)
      writeFileSync(join(notes(), '旅行', '京都.md'), '# 京都三日\n\n改住岚山。 #旅行')
    await route.continue()
  })
  await text().fill('# 京都三日\n\n住在河原町，第二天去岚山。 #旅行')
  await expect(page.getByTestId('note-conflict')).toBeVisible()
  await page.getByRole('button', { name: 'Compare' }).click()
  await expect(page.getByTestId('note-conflict')).toContainText('改住岚山')
  await page.reload()
  // Nothing of mine was lost by closing the page.
  await expect(text()).toHaveValue(/第二天去岚山/)
  await page.getByRole('button', { name: 'Keep mine' }).click()
  await saved()
  await page.unroute('**/api/notes/note?**')
  expect(readFileSync(join(notes(), '旅行', '京都.md'), 'utf8')).toContain('第二天去岚山')
})

test('a conflict copy from sync is compared and resolved', async () => {
  writeFileSync(join(notes(), '旅行', '京都.sync-conflict-20261101-101010-ABCDEF7.md'), '# 京都三日\n\n改成五日。') // prettier-ignore
  await page.getByRole('button', { name: '1 conflict copy' }).click()
  await page.getByRole('button', { name: 'Compare' }).click()
  await expect(page.getByTestId('conflict-compare')).toContainText('改成五日')
  await page.getByRole('button', { name: 'Keep both' }).click()
  await expect(page.getByTestId('note-list').locator('li')).toHaveCount(4)
})

test('a deleted note comes back, at once or from the trash', async () => {
  await page.getByTestId('note-list').getByText('Week').click()
  await page.getByRole('button', { name: 'More about “Week”' }).click()
  await page.getByRole('menuitem', { name: 'Delete' }).click()
  await expect(page.getByTestId('note-list')).not.toContainText('Week')
  await page.getByRole('button', { name: 'Undo' }).click()
  await expect(page.getByTestId('note-list')).toContainText('Week')
  await page.getByRole('button', { name: 'More about “Week”' }).click()
  await page.getByRole('menuitem', { name: 'Delete' }).click()
  await expect(page.getByTestId('note-list')).not.toContainText('Week')
  await page.getByRole('button', { name: 'More about “Notes”' }).click()
  await page.getByRole('menuitem', { name: 'Trash' }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Restore' }).click()
  await expect(page.getByTestId('note-list')).toContainText('Week')
})

test('a pasted page becomes a note with its source, and nothing is fetched', async () => {
  const asked: string[] = []
  page.on('request', (request) => asked.push(request.url()))
  await page.getByRole('button', { name: 'More about “Notes”' }).click()
  await page.getByRole('menuitem', { name: 'Clip a page' }).click()
  await page.getByTestId('clip-url').fill('https://example.org/roses')
  await page.getByTestId('clip-text').evaluate((area) => {
    const data = new DataTransfer()
    const body = '<h1>Pruning roses</h1><p>Cut above an <b>outward</b> bud, in late winter, with a clean blade.</p><script>alert(1)</script>' // prettier-ignore
    data.setData('text/html', body)
    data.setData('text/plain', 'Pruning roses')
    area.dispatchEvent(new ClipboardEvent('paste', { clipboardData: data, bubbles: true, cancelable: true })) // prettier-ignore
  })
  await page.getByTestId('clip-save').click()
  await expect(page.getByTestId('note-facts')).toContainText('https://example.org/roses')
  await expect(text()).toHaveValue(/outward/)
  expect(await text().inputValue()).not.toContain('alert(1)')
  expect(asked.filter((url) => !url.startsWith(companion.url))).toEqual([])
})

test('notes are found by their meaning, as documents of the vault', async () => {
  await expect
    .poll(
      async () =>
        page.evaluate(async () => {
          const response = await fetch('/api/search', { method: 'POST', body: JSON.stringify({ query: 'where do we stay in Kyoto 京都 住' }) }) // prettier-ignore
          const { hits } = (await response.json()) as { hits?: { text: string }[] }
          return hits?.map((hit) => hit.text).join('\n') ?? ''
        }),
      { timeout: 60_000 },
    )
    .toContain('河原町')
})

test('on a phone the list and the note take turns', async () => {
  await page.setViewportSize({ width: 390, height: 844 })
  await page.goto(`${companion.url}/notes`)
  await page.getByTestId('note-list').getByText('Week').click()
  await expect(text()).toBeVisible()
  await expect(page.getByTestId('note-list')).toBeHidden()
  await page.getByRole('link', { name: 'All notes' }).click()
  await expect(page.getByTestId('note-list')).toBeVisible()
})
