import { execFileSync } from 'node:child_process'
import { createHash, X509Certificate } from 'node:crypto'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect } from 'node:tls'
import { chromium, expect, test, type BrowserContext } from '@playwright/test'
import { launchOptions } from './browser.ts'
import { makeHome, removeHome, startCompanionProcess, type RunningCompanion } from './companion.ts'

interface Lan {
  readonly state: string
  readonly authority: { name: string; fingerprint: string }
}

let companion: RunningCompanion
let lan: Lan
/** The app and the page about the certificate, as this machine reaches them. */
let app: string
let install: string

test.beforeAll(async () => {
  const port = await freePort()
  app = `https://127.0.0.1:${port}`
  install = `http://127.0.0.1:${port + 3}/`
  const env = { SILO_LAN: '1', SILO_LAN_PORT: String(port) }
  companion = await startCompanionProcess(makeHome([]), env)
  const token = readFileSync(join(companion.home, 'token'), 'utf8').trim()
  const answer = await fetch(`${companion.url}/api/lan`, {
    headers: { authorization: `Bearer ${token}` },
  })
  ;({ lan } = (await answer.json()) as { lan: Lan })
})
test.afterAll(async () => {
  await companion.stop()
  removeHome(companion.home)
})

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '0.0.0.0', resolve))
  const { port } = server.address() as { port: number }
  await new Promise((resolve) => server.close(resolve))
  return Math.min(port, 65_000)
}

/** SHA-256 of the public key the server shows, as Chromium's flag wants it. */
async function publicKeyHash(): Promise<string> {
  const { port } = new URL(app)
  const socket = connect({ host: '127.0.0.1', port: Number(port), rejectUnauthorized: false })
  await new Promise((resolve, reject) =>
    socket.once('secureConnect', resolve).once('error', reject),
  )
  const { publicKey } = new X509Certificate(socket.getPeerCertificate().raw)
  socket.destroy()
  const spki = publicKey.export({ type: 'spki', format: 'der' })
  return createHash('sha256').update(spki).digest('base64')
}

/**
 * A browser whose user has installed the certificate, as the page tells people on Linux to. Where NSS's certutil is
 * missing, the server's key is excused instead, which also makes it a secure origin but tests less.
 */
async function trustingBrowser(folder: string, ca: string): Promise<BrowserContext> {
  const args = [...launchOptions.args]
  const database = join(folder, '.pki', 'nssdb')
  mkdirSync(database, { recursive: true })
  writeFileSync(join(folder, 'silo-ca.crt'), ca)
  try {
    const certutil = (...more: string[]) =>
      execFileSync('certutil', ['-d', `sql:${database}`, ...more], { stdio: 'pipe' })
    certutil('-N', '--empty-password')
    certutil('-A', '-t', 'C,,', '-n', 'Silo local CA', '-i', join(folder, 'silo-ca.crt'))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    console.warn('certutil is not here: the key is excused instead of the authority trusted.')
    args.push(`--ignore-certificate-errors-spki-list=${await publicKeyHash()}`)
  }
  return chromium.launchPersistentContext(join(folder, 'profile'), {
    ...launchOptions,
    args,
    env: { ...process.env, HOME: folder, XDG_DATA_HOME: join(folder, 'share') },
  })
}

test('a browser that trusts the authority has the whole app, and the API stays shut', async () => {
  expect(lan.state).toBe('on')
  const folder = mkdtempSync(join(tmpdir(), 'silo-e2e-trust-'))
  const ca = await (await fetch(`${install}silo-ca.pem`)).text()
  const context = await trustingBrowser(folder, ca)
  try {
    const page = await context.newPage()
    await page.goto(app)
    const facts = await page.evaluate(async () => {
      const worker = await navigator.serviceWorker.ready
      return {
        isSecureContext,
        crossOriginIsolated,
        scope: worker.scope,
        subtle: typeof crypto.subtle,
        storage: typeof navigator.storage.getDirectory,
        microphone: typeof navigator.mediaDevices,
        api: (await fetch('/api/settings')).status,
      }
    })
    expect(facts).toEqual({
      isSecureContext: true,
      crossOriginIsolated: true,
      scope: `${app}/`,
      subtle: 'object',
      storage: 'function',
      microphone: 'object',
      api: 401,
    })
    // Installed once, it opens with the companion gone.
    await context.setOffline(true)
    await page.goto(`${app}/settings`)
    await expect(page.locator('button, a').first()).toBeVisible()
  } finally {
    await context.close()
    rmSync(folder, { recursive: true, force: true })
  }
})

test('a browser that does not trust it gets a warning, not the app', async ({ page }) => {
  await expect(page.goto(app)).rejects.toThrow(/ERR_CERT_AUTHORITY_INVALID/)
})

for (const [locale, title, open] of [
  ['zh-CN', '信任此伴侣程序', '通过 https 打开 Silo'],
  ['en-US', 'Trust this companion', 'Open Silo over https'],
] as const)
  test(`the page about the certificate explains itself on a phone (${locale})`, async ({
    browser,
  }) => {
    const context = await browser.newContext({
      locale,
      viewport: { width: 390, height: 844 },
      userAgent: 'Mozilla/5.0 (Linux; Android 16; Pixel) Chrome/156.0.0.0 Mobile',
    })
    const page = await context.newPage()
    const complaints: string[] = []
    page.on('console', (message) => complaints.push(message.text()))
    await page.goto(install)
    await expect(page.getByRole('heading', { level: 1 })).toHaveText(title)
    const shown = await page.locator('.print span').allTextContents()
    expect(shown.join(':')).toBe(lan.authority.fingerprint)
    const android = page.locator('details[open]')
    await expect(android).toHaveCount(1)
    await expect(android.locator('summary')).toHaveText('Android')
    const href = await page.getByRole('link', { name: open }).getAttribute('href')
    expect(href).toMatch(/^https:\/\/(127\.0\.0\.1|silo-[0-9a-z]{6}\.local):\d+\/$/)

    const download = page.waitForEvent('download')
    await android.getByRole('link').first().click()
    const file = readFileSync(await (await download).path())
    expect(new X509Certificate(file).fingerprint256).toBe(lan.authority.fingerprint)
    // Nothing sticks out sideways, with everything unfolded; and nothing is fetched or refused.
    const sections = page.locator('details')
    for (let i = 0; i < (await sections.count()); i++)
      if (!(await sections.nth(i).evaluate((details) => details.hasAttribute('open'))))
        await sections.nth(i).locator('summary').click()
    await expect(page.locator('details[open]')).toHaveCount(5)
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(390)
    expect(complaints).toEqual([])
    await context.close()
  })
