import { spawn, type ChildProcess } from 'node:child_process'
import { mkdirSync, symlinkSync } from 'node:fs'
import { createServer } from 'node:net'
import { basename, dirname, join } from 'node:path'
import { expect, test, type Page } from '@playwright/test'
import { newId } from '#shared/domain/ids.ts'
import { testLlamaServer, testModel } from '#tests/models.ts'
import { makeHome, removeHome, startCompanionProcess, type RunningCompanion } from './companion.ts'

/** Engines as a person sees them: which one is taken, another one, a server that runs already, a restart. */
test.describe.configure({ mode: 'serial', retries: 0 })

const facts = Array.from({ length: 60 }, (_, n) => `Box ${n} weighs ${n * 7} kilograms.`).join(' ')
const answerMs = 120_000
let home: string
let companion: RunningCompanion
let server: ChildProcess
let port: number
let page: Page

test.beforeAll(async ({ browser }) => {
  const binary = testLlamaServer()
  home = makeHome(['smollm2-135m'])
  mkdirSync(join(home, 'engines'))
  symlinkSync(dirname(binary), join(home, 'engines', basename(dirname(binary))))
  companion = await startCompanionProcess(home, { SILO_OFFLINE: '1', SILO_LAN: '0' })
  // What the person has running already, at one of the addresses that are looked at.
  port = await freePort([8080, 8000, 1337])
  const args = ['-m', testModel('smollm2-135m'), '--alias', 'own-model', '--port', String(port), '-c', '4096', '-np', '1', '--no-webui'] // prettier-ignore
  server = spawn(binary, args, { stdio: 'ignore', env: { ...process.env, LD_LIBRARY_PATH: dirname(binary) } }) // prettier-ignore
  const context = await browser.newContext({
    viewport: { width: 1440, height: 900 },
    locale: 'en-US',
  })
  page = await context.newPage()
  await signIn()
})
test.afterAll(async () => {
  server?.kill('SIGKILL')
  await companion?.stop()
  removeHome(home)
})

async function signIn(): Promise<void> {
  await page.goto(companion.urlWithToken)
  await page.evaluate(() =>
    fetch('/api/settings', {
      method: 'PATCH',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ onboarded: true, temperature: 0 }),
    }),
  )
}

async function freePort(ports: readonly number[]): Promise<number> {
  for (const candidate of ports) {
    const probe = createServer()
    const free = await new Promise<boolean>((resolve) => {
      probe.once('error', () => resolve(false))
      probe.listen(candidate, '127.0.0.1', () => resolve(true))
    })
    await new Promise((resolve) => probe.close(resolve))
    if (free) return candidate
  }
  throw new Error(`none of the ports ${ports.join(', ')} is free`)
}

const engine = (id: string) => page.locator(`[data-testid="engine"][data-engine="${id}"]`)
const answer = () => page.getByTestId('message-assistant').last()

async function ask(text: string): Promise<void> {
  const before = await page.getByTestId('message-assistant').count()
  await page.getByTestId('composer-input').fill(text)
  await page.getByTestId('send').click()
  await expect(page.getByTestId('message-assistant')).toHaveCount(before + 1)
  await expect(answer()).toHaveAttribute('data-outcome', 'done', { timeout: answerMs })
}

/** A conversation that no page has opened yet: its address. */
async function unopened(): Promise<string> {
  const id = newId()
  await page.evaluate(
    (body) =>
      fetch('/api/conversations', {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
      }),
    { id },
  )
  return `${companion.url}/c/${id}`
}

/** A conversation of its own. */
async function fresh(): Promise<void> {
  await page.goto(await unopened())
  await expect(page.getByTestId('send')).toBeVisible()
}

/** Which engine computed the last answer, as its run says. */
async function engineOfAnswer(): Promise<string> {
  return page.evaluate(async () => {
    const id = location.pathname.split('/').at(-1)
    const { messages } = await (await fetch(`/api/conversations/${id}`)).json()
    return messages.at(-1).placement.engine
  })
}

test('the engines are shown with their reasons; another one is chosen, and answers', async () => {
  await page.goto(`${companion.url}/models`)
  await expect(engine('llama-cpp')).toHaveAttribute('data-current', 'true')
  await expect(engine('llama-cpp')).toContainText('computes on the processor')
  await expect(engine('llama-server')).toHaveAttribute('data-usable', 'true')
  await page.getByTestId('engines').getByText('llama-server', { exact: true }).first().click()
  await expect(engine('llama-server')).toHaveAttribute('data-current', 'true')
  await fresh()
  await ask('Say hello.')
  expect(await engineOfAnswer()).toBe('llama-server')
  await page.goto(`${companion.url}/models`)
  await page.getByTestId('engines').getByText('Automatic', { exact: true }).click()
  await expect(engine('llama-cpp')).toHaveAttribute('data-current', 'true')
})

test('a server that runs already is found, and its model answers', async () => {
  await page.goto(`${companion.url}/models`)
  const found = page.getByTestId('server').filter({ hasText: `127.0.0.1:${port}` })
  for (let tries = 0; tries < 20 && !(await found.isVisible()); tries++) {
    await page.getByTestId('look-for-servers').click()
    await page.waitForTimeout(500)
  }
  await expect(found).toContainText('own-model')
  const row = page.getByTestId('model-row').filter({ hasText: 'own-model' })
  await expect(row).toContainText('in llama-server')
  await row.getByRole('button', { name: /Actions/ }).click()
  await page.getByRole('menuitem', { name: 'Use for chat' }).click()
  await expect(row).toContainText('default')
  await fresh()
  await ask('Say hello.')
  expect(await engineOfAnswer()).toBe('remote')
  await expect(page.getByTestId('message-meta').last()).toContainText('own-model')
  await page.evaluate(() => fetch('/api/settings', { method: 'PATCH', headers: { 'content-type': 'application/json' }, body: '{"chatModelId":"smollm2-135m"}' })) // prettier-ignore
})

test('a question that is sent before its conversation has been read is answered in it', async () => {
  const url = await unopened()
  const late = await page.context().newPage()
  // What the page asks for first comes late.
  await late.addInitScript(() => {
    const real = window.fetch
    window.fetch = async (input, init) => {
      const { pathname } = new URL(input instanceof Request ? input.url : input, location.href)
      if (/^\/api\/conversations\/\w+$/.test(pathname)) await new Promise((done) => setTimeout(done, 3000)) // prettier-ignore
      return real(input, init)
    }
  })
  await late.goto(url)
  await late.getByTestId('composer-input').fill('Say hello.')
  await late.getByTestId('send').click()
  await expect(late.getByLabel('Opening the conversation')).toBeVisible({ timeout: 1000 })
  await expect(late.getByTestId('message-user')).toHaveText(/Say hello/)
  await expect(late.getByTestId('message-assistant')).toHaveAttribute('data-outcome', 'done', { timeout: answerMs }) // prettier-ignore
  await late.close()
})

test('after a restart the second turn reads what was computed before', async () => {
  await fresh()
  await ask(`${facts} Which box is the heaviest?`)
  await expect(page.getByTestId('message-meta').last()).not.toContainText(/\d{3} of .* from cache/)
  const path = new URL(page.url()).pathname
  await companion.stop()
  companion = await startCompanionProcess(home, { SILO_OFFLINE: '1', SILO_LAN: '0' })
  await signIn()
  await page.goto(`${companion.url}${path}`)
  await expect(page.getByTestId('message-assistant')).toHaveCount(1)
  await ask('And the lightest?')
  const meta = await page.getByTestId('message-meta').last().innerText()
  const [, cached] = /([\d,]+) of [\d,]+ prompt tokens from cache/.exec(meta) ?? []
  expect(Number(cached?.replaceAll(',', ''))).toBeGreaterThan(500)
  await page.goto(`${companion.url}/settings`)
  await expect(page.getByTestId('kv-pages-used')).toContainText('MB in use')
  await page.getByTestId('kv-pages-clear').click()
  await expect(page.getByTestId('kv-pages-used')).toContainText('0 B in use')
})
