import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { expect, test, type Page } from '@playwright/test'
import { makeHome, removeHome, startCompanionProcess, type RunningCompanion } from './companion.ts'

/** The list of what left: nothing, then what a ledger holds, what was refused, and an error. */
test.describe.configure({ mode: 'serial' })

let companion: RunningCompanion
let home: string
const day = 86_400_000
const shots = process.env.SILO_FRAMES

const open = async (page: Page): Promise<void> => {
  await page.goto(companion.urlWithToken)
  await page.evaluate(() => fetch('/api/settings', { method: 'PATCH', headers: { 'content-type': 'application/json' }, body: '{"onboarded":true}' })) // prettier-ignore
  await page.goto(`${companion.url}/egress`)
}
const start = async (): Promise<void> => {
  companion = await startCompanionProcess(home, {}, 'tests/fakes/companion.ts')
}

test.beforeAll(async () => {
  home = makeHome([])
  await start()
})
test.afterAll(async () => {
  await companion.stop()
  removeHome(home)
})

for (const [name, viewport, locale] of [
  ['laptop', { width: 1440, height: 900 }, 'en-US'],
  ['phone', { width: 390, height: 844 }, 'zh-CN'],
] as const)
  test.describe(name, () => {
    test.use({ viewport, locale })

    test('an unused companion has sent nothing, and says so', async ({ page }) => {
      await open(page)
      await expect(page.getByTestId('egress-today')).toHaveClass(/quiet/)
      await expect(page.getByTestId('egress-none')).toBeVisible()
      if (shots) await page.screenshot({ path: join(shots, `egress-empty-${name}.png`) })
    })
  })

test('what left is listed with reason, task and bytes; what was refused apart', async ({
  browser,
}) => {
  await companion.stop()
  const database = new DatabaseSync(join(home, 'silo.db'))
  const insert = database.prepare(
    `INSERT INTO egress (at, kind, host, bytes, purpose, device, received, connections, place, refused, run_id)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  )
  const now = Date.now()
  insert.run(now - 2 * day, 'download', 'huggingface.co', 2100, 'Qwen2.5 Coder 1.5B Instruct', null, 1_117_320_768, 4, 'outside', 0, 'download-run-000001') // prettier-ignore
  insert.run(now - 60_000, 'fetch', 'news.example', 900, 'web_fetch', null, 41_000, 1, 'outside', 0, 'agent-run-00000002') // prettier-ignore
  insert.run(now - 30_000, 'push', 'push.services.example', 420, 'run-ended', 'Anna’s phone', 200, 1, 'outside', 0, null) // prettier-ignore
  insert.run(now - 10_000, 'unknown', 'tracker.example', 0, '', null, 0, 0, 'outside', 1, null)
  database
    .prepare('INSERT INTO egress_house VALUES (?, ?, ?, ?, ?, ?)')
    .run('192.168.1.20', Math.floor(now / day), 3, 120_000, 4_000_000, now)
  database.close()
  await start()
  for (const [name, viewport, locale] of [
    ['laptop', { width: 1440, height: 900 }, 'en-US'],
    ['phone', { width: 390, height: 844 }, 'zh-CN'],
  ] as const) {
    const context = await browser.newContext({ viewport, locale })
    const page = await context.newPage()
    await open(page)
    const rows = page.getByTestId('egress-entry')
    await expect(rows).toHaveCount(3)
    await expect(rows.first()).toContainText('push.services.example')
    await expect(rows.last()).toContainText('1.1 GB')
    await expect(page.getByTestId('egress-today')).not.toHaveClass(/quiet/)
    if (shots) await page.screenshot({ path: join(shots, `egress-${name}.png`) })
    await page.locator('fieldset label').nth(2).click()
    await expect(rows).toHaveCount(1)
    await expect(rows).toContainText('tracker.example')
    if (shots) await page.screenshot({ path: join(shots, `egress-refused-${name}.png`) })
    await page.locator('fieldset label').nth(1).click()
    await expect(page.getByTestId('egress-house')).toContainText('192.168.1.20')
    if (shots) await page.screenshot({ path: join(shots, `egress-house-${name}.png`) })
    await context.close()
  }
})

test('a list that cannot be read says why, and is read again', async ({ page }) => {
  let broken = true
  await page.route('**/api/egress?*', (route) =>
    broken
      ? route.fulfill({ status: 500, json: { error: { code: 'internal', message: 'x', params: {}, retryable: true, errorId: 'e-0000001' } } }) // prettier-ignore
      : route.fallback(),
  )
  await open(page)
  await expect(page.getByRole('alert')).toBeVisible()
  broken = false
  await page.getByRole('alert').getByRole('button').first().click()
  await expect(page.getByTestId('egress-entry')).toHaveCount(3)
})
