import { readFileSync } from 'node:fs'
import { expect, test, type BrowserContext, type Page } from '@playwright/test'
import { makeHome, removeHome, startCompanionProcess, type RunningCompanion } from './companion.ts'

/** Long tasks of a phone: they go on while it is away, and their results are found, told of and taken along. */
const html = '<!doctype html><h1>Stock list</h1><p>Seven pumps, two valves.</p>'
const reply = `Here is the page you asked for, with all that is in stock today, item by item as far as it is known.\n\n\`\`\`html\n${html}\n\`\`\`\n\nThat was all.` // prettier-ignore

test.describe.configure({ mode: 'serial' })

let companion: RunningCompanion
let context: BrowserContext
let page: Page

test.beforeAll(async ({ browser }) => {
  // A whole companion over an engine that takes its time: longer than a notification needs.
  companion = await startCompanionProcess(
    makeHome([]),
    { SILO_FAKE_REPLY: reply, SILO_FAKE_DELAY: '850' },
    'tests/fakes/companion.ts',
  )
  context = await browser.newContext({
    viewport: { width: 390, height: 844 },
    locale: 'en-US',
    permissions: ['notifications'],
    acceptDownloads: true,
  })
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
})
test.afterAll(async () => {
  await context?.close()
  await companion?.stop()
  if (companion) removeHome(companion.home)
})

const rows = () => page.getByTestId('run-row')
/** The tab counts as covered by another, as a phone in a pocket; nothing else about it changes. */
const hide = (hidden: boolean) =>
  page.evaluate((state) => {
    Object.defineProperty(document, 'visibilityState', { get: () => state, configurable: true })
    document.dispatchEvent(new Event('visibilitychange'))
  }, hidden ? 'hidden' : 'visible') // prettier-ignore
const notifications = () =>
  page.evaluate(async () => {
    const registration = await navigator.serviceWorker.ready
    return (await registration.getNotifications()).map(({ body, tag }) => ({ body, tag }))
  })

test('the permission is asked from a switch, and an empty inbox says what will be in it', async () => {
  await page.goto(`${companion.url}/inbox`)
  await expect(page.getByText('No task yet')).toBeVisible()
  await page.goto(`${companion.url}/settings`)
  const local = page.getByTestId('notify-local').getByRole('switch')
  await expect(local).toHaveAttribute('aria-checked', 'false')
  await local.click()
  await expect(local).toHaveAttribute('aria-checked', 'true')
  await expect(page.getByTestId('push-enabled').getByRole('switch')).toHaveAttribute('aria-checked', 'false') // prettier-ignore
  await page.getByTestId('open-egress').click()
  await expect(page).toHaveURL(/\/egress$/)
  await expect(page.getByTestId('egress-today')).toBeVisible()
  await expect(page.getByTestId('egress-none')).toBeVisible()
})

test('a long task is listed while it runs, told of when it ends unseen, and marked as new', async () => {
  await page.goto(`${companion.url}/`)
  await page.getByTestId('composer-input').fill('Make a page of the stock')
  await page.getByTestId('send').click()
  await expect(page).toHaveURL(/\/c\//)
  await page.getByTestId('nav-inbox').click()
  await expect(rows()).toHaveCount(1)
  await expect(rows().first()).toHaveAttribute('data-outcome', 'running')
  await expect(rows().first()).toContainText('Answering')
  await expect(page.getByTestId('unread')).toHaveCount(0)
  await hide(true)
  await expect(rows().first()).toHaveAttribute('data-outcome', 'done', { timeout: 120_000 })
  await expect.poll(notifications).toMatchObject([{ body: 'An answer is ready.' }])
  await hide(false)
  await expect(page.getByTestId('unread')).toContainText('1')
  await page.getByText('Failed', { exact: true }).click()
  await expect(rows()).toHaveCount(0)
  await page.getByText('Finished', { exact: true }).click()
  await expect(rows()).toHaveCount(1)
})

test('its artifact is saved on this device', async () => {
  await rows().first().getByTestId('show-files').click()
  const [download] = await Promise.all([
    page.waitForEvent('download'),
    page.getByTestId('save-artifact').click(),
  ])
  expect(download.suggestedFilename()).toMatch(/\.html$/)
  expect(readFileSync(await download.path(), 'utf8').trim()).toBe(html)
})

test('a click on the notification opens the result, which then is no news any more', async () => {
  const [worker] = context.serviceWorkers()
  await worker!.evaluate(async () => {
    const scope = globalThis as unknown as ServiceWorkerScope
    const [notification] = await scope.registration.getNotifications()
    scope.dispatchEvent(new scope.NotificationEvent('notificationclick', { notification }))
  })
  await expect(page).toHaveURL(/\/c\//)
  await expect(page.getByTestId('message-assistant').last()).toContainText('That was all.')
  await expect(page.getByTestId('unread')).toHaveCount(0)
  expect(await notifications()).toEqual([])
})

interface ServiceWorkerScope extends EventTarget {
  readonly registration: { getNotifications(): Promise<object[]> }
  readonly NotificationEvent: new (type: string, init: object) => Event
}

test('a task that ended while the phone slept is there on wake, complete', async () => {
  await page.getByTestId('composer-input').fill('And once more')
  await page.getByTestId('send').click()
  const answer = page.getByTestId('message-assistant').last()
  await expect(answer).toHaveAttribute('data-outcome', 'running')
  await expect(answer).toContainText('Here is')
  await page.getByTestId('nav-inbox').click()
  await context.setOffline(true)
  const token = new URL(companion.urlWithToken).searchParams.get('token') ?? ''
  const headers = { authorization: `Bearer ${token}` }
  await expect
    .poll(
      async () => {
        const response = await fetch(`${companion.url}/api/runs?active=1`, { headers })
        return ((await response.json()) as { runs: unknown[] }).runs.length
      },
      { timeout: 120_000 },
    )
    .toBe(0)
  await context.setOffline(false)
  await expect(page.getByTestId('unread')).toContainText('1', { timeout: 30_000 })
  await expect(rows()).toHaveCount(2)
  await rows().first().getByRole('link').click()
  await expect(page.getByTestId('message-assistant').last()).toContainText('That was all.')
  await expect(page.getByTestId('message-assistant')).toHaveCount(2)
  await expect(page.getByTestId('unread')).toHaveCount(0)
})

test('a push from outside is shown in the language of the subscriber', async () => {
  const devtools = await context.newCDPSession(page)
  const registered = new Promise<string>((resolve) => {
    devtools.on('ServiceWorker.workerRegistrationUpdated', ({ registrations }) => {
      const [known] = registrations
      if (known) resolve(known.registrationId)
    })
  })
  await devtools.send('ServiceWorker.enable')
  const payload = {
    type: 'run-ended',
    runId: '01hzzzzzzzpush',
    kind: 'ingest',
    subject: 'shared-files',
    outcome: 'done',
    language: 'zh',
  }
  await devtools.send('ServiceWorker.deliverPushMessage', {
    origin: companion.url,
    registrationId: await registered,
    data: JSON.stringify(payload),
  })
  await expect.poll(notifications).toEqual([{ body: '文档已读取完成。', tag: payload.runId }])
})

test('an absent companion is said, asked about once, and found again', async () => {
  const port = new URL(companion.url).port
  await companion.stop()
  let asked = 0
  page.on('requestfailed', (request) => {
    if (request.url().includes('/api/collections')) asked += 1
  })
  await page.goto(`${companion.url}/inbox`)
  await expect(page.getByRole('alert').first()).toBeVisible()
  await expect(rows()).toHaveCount(0)
  const before = asked
  // A page that asks again and again in a loop would answer this late, and have asked hundreds of times.
  await page.evaluate(() => new Promise((resolve) => setTimeout(resolve, 1000)))
  expect(asked - before).toBeLessThan(5)
  const env = { SILO_FAKE_REPLY: reply, SILO_PORT: port }
  companion = await startCompanionProcess(companion.home, env, 'tests/fakes/companion.ts')
  await expect(rows()).toHaveCount(2, { timeout: 60_000 })
})
