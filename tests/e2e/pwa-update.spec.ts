import { cpSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { extname, join } from 'node:path'
import { expect, test } from '@playwright/test'

const types: Record<string, string> = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.svg': 'image/svg+xml',
  '.json': 'application/json',
}

let folder = ''
let server: Server
let url = ''

/** The built app alone, from a copy that the test may change; there is no companion behind it. */
test.beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'silo-update-'))
  cpSync(join('build', 'web'), folder, { recursive: true })
  server = createServer((request, response) => {
    const path = new URL(request.url ?? '/', 'http://host').pathname
    const name = extname(path) ? path : '/index.html'
    try {
      if (path.startsWith('/api')) throw new Error('nobody answers')
      const body = readFileSync(join(folder, name))
      response.setHeader('content-type', types[extname(name)] ?? 'application/octet-stream')
      response.setHeader('cache-control', 'no-cache')
      response.end(body)
    } catch {
      response.writeHead(404).end()
    }
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})
test.afterAll(() => {
  server.closeAllConnections()
  server.close()
  rmSync(folder, { recursive: true, force: true })
})

/** Gives the copy another version, as a rebuild does. */
function release(from: string, to: string): void {
  const entry = join(folder, '_app', 'immutable', 'entry')
  const files = readdirSync(entry).map((name) => join(entry, name))
  for (const path of [join(folder, 'service-worker.js'), join(folder, 'index.html'), ...files])
    writeFileSync(path, readFileSync(path).toString().replaceAll(from, to))
}

test('a new version waits until the person agrees', async ({ page }) => {
  const { version } = JSON.parse(readFileSync(join(folder, '_app/version.json'), 'utf8')) as { version: string } // prettier-ignore
  const cacheNames = () => page.evaluate(() => caches.keys())
  await page.goto(url)
  await page.evaluate(() => navigator.serviceWorker.ready)
  expect(await cacheNames()).toEqual([`silo-${version}`])

  release(version, 'next')
  await page.evaluate(async () => (await navigator.serviceWorker.getRegistration())?.update())
  const waiting = () =>
    page.evaluate(
      async () => (await navigator.serviceWorker.getRegistration())?.waiting?.state ?? 'none',
    )
  await expect.poll(waiting).toBe('installed')
  const reload = page.getByRole('button', { name: /reload|restart|update/i })
  await expect(reload).toBeVisible()
  await Promise.all([page.waitForEvent('load'), reload.click()])
  await expect.poll(waiting).toBe('none')
  expect(await cacheNames()).toEqual([`silo-${version}`, 'silo-next'])
})
