import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { createHash, X509Certificate } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { chromium, expect, test, type Browser, type Page } from '@playwright/test'
import { launchOptions } from './browser.ts'
import { makeHome, removeHome, startCompanionProcess, type RunningCompanion } from './companion.ts'
import { createNetwork, type Network } from './network.ts'

/**
 * The main job of the link, on real parts: a desk and a phone on a LAN of their own, two browsers with profiles of
 * their own, the app on an https origin that is no companion's, real models on both machines, a spoken task.
 */
test.describe.configure({ mode: 'serial', retries: 0 })

const root = fileURLToPath(new URL('../..', import.meta.url))
/** "Please tell me a long story about a lighthouse keeper and her cat." */
const spokenTask = join(root, 'tests/fixtures/speech/task.wav')
const site = 'silo-app.example'
const answerMs = 180_000

let network: Network
let companion: RunningCompanion
let desk: Browser
let phone: Browser
let laptop: Page
let mobile: Page
let appUrl: string
let siteProcess: ChildProcess
const folder = mkdtempSync(join(tmpdir(), 'silo-link-e2e-'))

test.beforeAll(async () => {
  network = createNetwork()
  const home = makeHome(['qwen2.5-coder-0.5b', 'smollm2-135m', 'whisper-base'])
  companion = await startCompanionProcess(
    home,
    { SILO_LINK_PORT: '0' },
    'companion/main.ts',
    network.desk.prefix,
  )
  const { port, spki } = await startSite()
  appUrl = `https://${site}:${port}`
  const executable = launchOptions.executablePath!
  desk = await chromium.launch({
    ...launchOptions,
    executablePath: network.desk.wrap(executable),
  })
  phone = await chromium.launch({
    ...launchOptions,
    executablePath: network.phone.wrap(executable),
    args: [
      ...launchOptions.args,
      `--host-resolver-rules=MAP ${site} 127.0.0.1`,
      `--ignore-certificate-errors-spki-list=${spki}`,
      '--use-fake-ui-for-media-stream',
      '--use-fake-device-for-media-stream',
      `--use-file-for-fake-audio-capture=${spokenTask}%noloop`,
    ],
  })
  const atDesk = await desk.newContext({
    viewport: { width: 1440, height: 900 },
    locale: 'en-US',
    permissions: ['clipboard-read', 'clipboard-write'],
  })
  laptop = await atDesk.newPage()
  const inHand = await phone.newContext({
    viewport: { width: 390, height: 844 },
    hasTouch: true,
    isMobile: true,
    locale: 'en-US',
    permissions: ['microphone'],
  })
  mobile = await inHand.newPage()
  await laptop.goto(companion.urlWithToken)
  await laptop.evaluate(() =>
    fetch('/api/settings', {
      method: 'PATCH',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ onboarded: true, temperature: 0 }),
    }),
  )
})

test.afterAll(async () => {
  await phone?.close()
  await desk?.close()
  siteProcess?.kill()
  await companion?.stop()
  if (companion) removeHome(companion.home)
  network?.close()
  rmSync(folder, { recursive: true, force: true })
})

/** The built app over https on the phone's side, with a certificate only this test's browser takes. */
async function startSite(): Promise<{ port: number; spki: string }> {
  const [key, certificate] = [join(folder, 'key.pem'), join(folder, 'cert.pem')]
  execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2', '-subj', `/CN=${site}`, '-addext', `subjectAltName=DNS:${site}`, '-keyout', key, '-out', certificate], { stdio: 'pipe' }) // prettier-ignore
  const server = join(root, 'tests/e2e/static-site.mjs')
  const serve = [process.execPath, server, join(root, 'build/web'), key, certificate]
  const [command = '', ...rest] = [...network.phone.prefix, ...serve]
  siteProcess = spawn(command, rest, { stdio: ['pipe', 'pipe', 'inherit'] })
  const port = await new Promise<number>((resolve) =>
    siteProcess.stdout!.once('data', (line) => resolve(Number(line))),
  )
  const publicKey = new X509Certificate(readFileSync(certificate)).publicKey
  const der = publicKey.export({ type: 'spki', format: 'der' })
  return { port, spki: createHash('sha256').update(der).digest('base64') }
}

const chip = () => mobile.getByTestId('connection')
const answerOf = (page: Page) => page.getByTestId('message-assistant').last()
const said = (page: Page) =>
  answerOf(page)
    .locator('.markdown')
    .innerText()
    .catch(() => '')

async function ask(text: string): Promise<void> {
  await mobile.getByTestId('composer-input').fill(text)
  await mobile.getByTestId('send').click()
}

async function pin(place: string): Promise<void> {
  await mobile.getByTestId('place-picker').getByRole('button').click()
  await mobile.getByRole('menuitemcheckbox', { name: place }).click()
}

test('a phone on another https origin pairs by the link on the laptop’s screen', async () => {
  await laptop.goto(`${companion.url}/devices`)
  await laptop.getByTestId('pair-device').click()
  await laptop.getByRole('button', { name: 'Copy the link' }).click()
  const link = await laptop.evaluate(() => navigator.clipboard.readText())
  if (network.isolated) expect(decodeURIComponent(link)).toContain(network.deskAddress)
  await mobile.goto(`${appUrl}/pair${new URL(link).hash}`)
  await mobile.getByTestId('device-name').fill('Test phone')
  await mobile.getByTestId('pair-now').click()
  await mobile.getByTestId('open-silo').click()
  await expect(chip()).toHaveAttribute('data-connection', 'online')
  await expect(laptop.getByTestId('pair-dialog')).toHaveAttribute('data-state', 'paired')
  await laptop.getByRole('button', { name: 'Done' }).click()
  await expect(laptop.getByRole('row', { name: /Test phone/ })).toHaveAttribute('data-connected', 'true') // prettier-ignore
})

test('the phone fetches a small model from the companion', async () => {
  await mobile.goto(`${appUrl}/models`)
  const row = mobile.locator('[data-testid="device-model"][data-model="smollm2-135m"]')
  await row.getByRole('button', { name: 'Download' }).click()
  await expect(row).toHaveAttribute('data-state', 'installed', { timeout: 120_000 })
})

test('with no companion in reach, the page answers by itself', async () => {
  await mobile.goto(appUrl)
  await mobile.evaluate(() => navigator.serviceWorker.ready)
  network.cut()
  if (network.isolated)
    await expect(chip()).not.toHaveAttribute('data-connection', 'online', { timeout: 60_000 })
  else await pin('This device')
  await ask('Say hello in one short sentence.')
  await expect(answerOf(mobile)).toHaveAttribute('data-outcome', 'done', { timeout: answerMs })
  expect((await said(mobile)).trim()).not.toBe('')
  await expect(mobile.getByTestId('message-meta').last()).toContainText('This device')
  network.mend()
  await expect(chip()).toHaveAttribute('data-connection', 'online', { timeout: 60_000 })
})

/** Letters and digits only: what the screen shows and what was written differ in marks and spaces. */
const letters = (text: string) => text.replace(/[^\p{L}\p{N}]+/gu, ' ').trim()

interface Events {
  run: { outcome?: string }
  events: { seq: number; body: { type: string; text?: string } }[]
}
let conversationId: string

async function onDesk<T>(path: string): Promise<T> {
  return laptop.evaluate(async (asked) => (await fetch(asked)).json(), path) as Promise<T>
}

test('a spoken task is handed to the companion', async () => {
  await mobile.goto(appUrl)
  await expect(chip()).toHaveAttribute('data-connection', 'online')
  const button = mobile.getByTestId('voice')
  await expect(button).toBeEnabled()
  await button.click()
  await expect(mobile.getByTestId('voice-strip')).toHaveAttribute('data-phase', 'recording')
  // As long as the recording is that the microphone plays.
  await mobile.waitForTimeout(6500)
  await button.click()
  const input = mobile.getByTestId('composer-input')
  await expect(input).toHaveValue(/story.*(light ?house|cat)/i, { timeout: 60_000 })
  await mobile.getByTestId('send').click()
  await expect(answerOf(mobile)).toHaveAttribute('data-outcome', 'running')
  await expect(mobile).toHaveURL(/\/c\//)
  conversationId = new URL(mobile.url()).pathname.split('/').at(-1)!
  await expect
    .poll(async () => (await said(mobile)).length, { timeout: answerMs })
    .toBeGreaterThan(60)
})

test('the connection is cut in the middle, and comes back with nothing lost or doubled', async () => {
  const before = letters(await said(mobile))
  await expect(answerOf(mobile)).toHaveAttribute('data-outcome', 'running')
  network.cut()
  if (network.isolated)
    await expect(chip()).not.toHaveAttribute('data-connection', 'online', { timeout: 60_000 })
  network.mend()
  await expect(chip()).toHaveAttribute('data-connection', 'online', { timeout: 60_000 })
  await expect
    .poll(async () => letters(await said(mobile)).length, { timeout: answerMs })
    .toBeGreaterThan(before.length + 60)
  // A small model would go on with its story for a quarter of an hour.
  await mobile.getByTestId('stop').click()
  await expect(answerOf(mobile)).toHaveAttribute('data-outcome', 'cancelled')
  const after = letters(await said(mobile))
  expect(after.startsWith(before)).toBe(true)

  const { messages } = await onDesk<{ messages: { role: string; text: string; runId?: string; placement?: { place: string } }[] }>(`/api/conversations/${conversationId}`) // prettier-ignore
  const answer = messages.findLast(({ role }) => role === 'assistant')!
  expect(after).toBe(letters(answer.text))
  const { run, events } = await onDesk<Events>(`/api/runs/${answer.runId}/events`)
  expect(run.outcome).toBe('cancelled')
  expect(events.map(({ seq }) => seq)).toEqual(events.map((_, index) => index))
  expect(events.map(({ body }) => (body.type === 'text-delta' ? body.text : '')).join('')).toBe(answer.text) // prettier-ignore
})

test('what was said in the page while it was alone is on the companion now', async () => {
  const { conversations } = await onDesk<{ conversations: { conversation: { id: string; title: string } }[] }>('/api/conversations') // prettier-ignore
  const alone = conversations.find(({ conversation }) => /hello/i.test(conversation.title))
  expect(alone).toBeDefined()
  const { messages } = await onDesk<{ messages: { role: string; text: string }[] }>(`/api/conversations/${alone!.conversation.id}`) // prettier-ignore
  expect(messages.map(({ role }) => role)).toEqual(['user', 'assistant'])
  expect(messages[1]!.text.trim()).not.toBe('')
})

test('the phone is removed on the laptop, and shut out', async () => {
  await laptop.goto(`${companion.url}/devices`)
  await laptop
    .getByRole('row', { name: /Test phone/ })
    .getByRole('button', { name: /^Actions for/ })
    .click()
  await laptop.getByRole('menuitem', { name: /Remove/ }).click()
  await laptop.getByTestId('device-confirm').click()
  await expect(mobile.getByTestId('revoked')).toBeVisible()
  await mobile.reload()
  await expect(mobile.getByTestId('revoked')).toBeVisible()
})
