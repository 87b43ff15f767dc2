import { expect, test } from '@playwright/test'
import { makeHome, removeHome, startCompanionProcess, type RunningCompanion } from './companion.ts'

let companion: RunningCompanion

test.beforeAll(async () => {
  companion = await startCompanionProcess(makeHome([]))
})
test.afterAll(async () => {
  await companion.stop()
  removeHome(companion.home)
})

test('Chromium finds the app installable', async ({ page, context }) => {
  await page.goto(companion.urlWithToken)
  await page.evaluate(() => navigator.serviceWorker.ready)
  const devtools = await context.newCDPSession(page)
  const manifest = await devtools.send('Page.getAppManifest')
  expect(manifest.errors).toEqual([])
  expect(JSON.parse(manifest.data ?? '')).toMatchObject({ id: '/', display: 'standalone' })
  const { installabilityErrors } = await devtools.send('Page.getInstallabilityErrors')
  // A fresh test profile counts as a private window, where Chromium installs nothing at all.
  const ours = installabilityErrors.filter(({ errorId }) => errorId !== 'in-incognito')
  expect(ours).toEqual([])
  for (const { src } of (JSON.parse(manifest.data ?? '') as { icons: { src: string }[] }).icons) {
    const icon = await page.request.get(companion.url + src)
    expect(icon.status(), src).toBe(200)
    expect(icon.headers()['content-type'], src).toMatch(/^image\//)
  }
})

test('the app opens without the companion and never stores its answers', async ({ browser }) => {
  const context = await browser.newContext()
  const page = await context.newPage()
  await page.goto(companion.urlWithToken)
  await page.evaluate(() => navigator.serviceWorker.ready)
  const stored = await page.evaluate(async () => {
    const paths: string[] = []
    for (const name of await caches.keys())
      for (const request of await (await caches.open(name)).keys())
        paths.push(new URL(request.url).pathname)
    return paths
  })
  expect(stored).toContain('/')
  expect(stored).toContain('/manifest.webmanifest')
  expect(stored.filter((path) => /^\/(api|v1)(\/|$)/.test(path))).toEqual([])

  await context.setOffline(true)
  for (const path of ['/', '/vault', '/settings']) {
    await page.goto(companion.url + path)
    await expect(page.locator('body')).not.toBeEmpty()
    await expect(page).toHaveTitle(/Silo/)
    await expect(page.locator('button, a').first()).toBeVisible()
  }
  await context.close()
})
