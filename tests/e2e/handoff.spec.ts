import { expect, test, type BrowserContext, type Page } from '@playwright/test'
import { makeHome, removeHome, startCompanionProcess, type RunningCompanion } from './companion.ts'

/**
 * One conversation, two hosts: the real model in the page while the companion is away, the real companion while it is
 * there. Nothing that is asked is lost, and nothing is asked twice.
 */
const answerMs = 180_000

test.describe.configure({ mode: 'serial' })

let home: string
let port: string
let companion: RunningCompanion
let context: BrowserContext
let page: Page
/** Runs that any tab has asked of the companion, by run id. */
const started: string[] = []

async function startAgain(): Promise<void> {
  companion = await startCompanionProcess(home, port ? { SILO_PORT: port } : {})
  port = new URL(companion.url).port
}

test.beforeAll(async ({ browser }) => {
  test.setTimeout(300_000)
  home = makeHome(['smollm2-135m'])
  await startAgain()
  context = await browser.newContext({ viewport: { width: 1280, height: 860 }, locale: 'en-US' })
  context.on('request', (request) => {
    if (request.method() !== 'POST' || !request.url().endsWith('/api/runs')) return
    const { id, kind } = request.postDataJSON() as { id: string; kind: string }
    if (kind === 'chat') started.push(id)
  })
  page = await context.newPage()
  await page.goto(companion.urlWithToken)
  await page.evaluate(() =>
    fetch('/api/settings', {
      method: 'PATCH',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ onboarded: true, temperature: 0 }),
    }),
  )
  await page.goto(`${companion.url}/models`)
  const row = page.locator('[data-testid="device-model"][data-model="smollm2-135m"]')
  await row.getByRole('button', { name: 'Download' }).click()
  await expect(row).toHaveAttribute('data-state', 'installed', { timeout: 120_000 })
  await page.evaluate(async () => {
    await navigator.serviceWorker.ready
  })
  // Controlled by the worker from this load on, which stores what the time without the companion needs.
  await page.goto(`${companion.url}/`)
  await expect(page.getByTestId('composer-input')).toBeVisible()
  await expect.poll(storedFiles, { timeout: 60_000 }).toContain('wllama')
  // Loading begins some seconds after the page stands: what does not change for longer than that is complete.
  let before = ''
  await expect.poll(async () => before === (before = await storedFiles()), { timeout: 60_000, intervals: [6000] }).toBe(true) // prettier-ignore
})

test.afterAll(async () => {
  await context?.close()
  await companion?.stop()
  if (home) removeHome(home)
})

/** What the service worker has stored. */
const storedFiles = () =>
  page.evaluate(async () => {
    const names: string[] = []
    for (const name of await caches.keys())
      for (const { url } of await (await caches.open(name)).keys()) names.push(url)
    return names.join('\n')
  })

async function ask(text: string): Promise<void> {
  await page.getByTestId('composer-input').fill(text)
  await page.getByTestId('send').click()
}
const last = (where = page) => where.getByTestId('message-assistant').last()
async function answered(place: 'page' | 'companion', where = page): Promise<void> {
  await expect(last(where)).toHaveAttribute('data-outcome', 'done', { timeout: answerMs })
  await expect(last(where)).toHaveAttribute('data-place', place)
}
const conversationId = () => new URL(page.url()).pathname.split('/').at(-1)!
const away = () => expect(page.getByTestId('offline-banner')).toBeVisible({ timeout: 30_000 })
const back = () => expect(page.getByTestId('offline-banner')).toBeHidden({ timeout: 60_000 })

interface Told {
  conversation: { leafId: string; title: string }
  messages: { id: string; text: string; outcome?: string; placement?: { place: string } }[]
}
/** What the companion itself says of the open conversation. */
const there = (): Promise<Told> =>
  page.evaluate(
    (id) => fetch(`/api/conversations/${id}`).then((response) => response.json() as Promise<never>),
    conversationId(),
  )
const runsThere = () =>
  page.evaluate(async (id) => {
    const { runs } = (await (await fetch('/api/runs')).json()) as {
      runs: { id: string; subject: string }[]
    }
    return runs.flatMap((run) => (run.subject === id ? [run.id] : []))
  }, conversationId())

/** The tokens that the context of the newest answer had, as its run tells; the page's runs are in IndexedDB. */
const contextOf = (runId: string) =>
  page.evaluate(
    (id) =>
      new Promise<{ usedTokens: number; droppedMessageIds: string[] }>((resolve, reject) => {
        const opening = indexedDB.open('silo-replica')
        opening.addEventListener('error', () => reject(opening.error))
        opening.addEventListener('success', () => {
          const db = opening.result
          const range = IDBKeyRange.bound([id, 0], [id, 1e9])
          const reading = db.transaction('events').objectStore('events').getAll(range)
          reading.addEventListener('success', () => {
            db.close()
            const events = reading.result as { body: { type: string } }[]
            resolve(events.find(({ body }) => body.type === 'context-built')?.body as never)
          })
        })
      }),
    runId,
  )
const pageRunIds = () =>
  page.evaluate(
    () =>
      new Promise<string[]>((resolve, reject) => {
        const opening = indexedDB.open('silo-replica')
        opening.addEventListener('error', () => reject(opening.error))
        opening.addEventListener('success', () => {
          const db = opening.result
          const reading = db.transaction('runs').objectStore('runs').getAll()
          reading.addEventListener('success', () => {
            db.close()
            const rows = reading.result as { run: { id: string; startedAt: number } }[]
            resolve(rows.map(({ run }) => run).sort((a, b) => a.startedAt - b.startedAt).map(({ id }) => id)) // prettier-ignore
          })
        })
      }),
  )

test('with no companion the page answers, and says where and why', async () => {
  await companion.stop()
  await away()
  await ask('What is the capital of France? Answer in one sentence.')
  await answered('page')
  await expect(last()).toContainText(/\w{3}/)
  await expect(last().getByTestId('message-meta')).toContainText('This device (no connection)')
  await expect(page).toHaveURL(/\/c\//)
  await expect(page.getByTestId('conversation-item').first()).toContainText('capital of France')
  expect(started).toEqual([])
})

test('a reload in the middle of an answer of the page keeps its text', async () => {
  await ask('Tell me a long story about a lighthouse keeper and her cat.')
  const said = () => last().locator('.markdown').innerText()
  await expect
    .poll(async () => (await said().catch(() => '')).length, { timeout: answerMs })
    .toBeGreaterThan(60)
  const before = (await said()).slice(0, 40)
  await page.reload()
  await expect(last()).toHaveAttribute('data-outcome', 'interrupted', { timeout: 60_000 })
  await expect(last()).toContainText(before)
  await expect(last()).toContainText('the page was closed')
})

test('the companion comes back: it has what was said, and goes on with it', async () => {
  await startAgain()
  await back()
  await expect.poll(async () => (await there()).messages?.length, { timeout: 60_000 }).toBe(4)
  const { messages, conversation } = await there()
  expect(messages.map(({ outcome }) => outcome)).toEqual([undefined, 'done', undefined, 'interrupted']) // prettier-ignore
  expect(messages[1]!.placement?.place).toBe('page')
  expect(conversation.leafId).toBe(messages[3]!.id)
  await ask('And the capital of Italy?')
  await answered('companion')
  expect(started).toHaveLength(1)
  const { events } = await page.evaluate(
    (id) => fetch(`/api/runs/${id}/events`).then((r) => r.json() as Promise<never>),
    started[0]!,
  ) as { events: { body: { type: string; usedTokens: number; droppedMessageIds: string[] } }[] } // prettier-ignore
  const built = events.find(({ body }) => body.type === 'context-built')!.body
  expect(built.droppedMessageIds).toEqual([])
  const spoken = messages.map(({ text }) => text).join(' ')
  expect(built.usedTokens).toBeGreaterThan(spoken.length / 8)
})

test('and back again: the page goes on with what the companion said', async () => {
  const before = (await there()).messages
  await companion.stop()
  await away()
  await ask('Thank you. Say goodbye in one sentence.')
  await answered('page')
  const runId = (await pageRunIds()).at(-1)!
  const built = await contextOf(runId)
  expect(built.droppedMessageIds).toEqual([])
  expect(built.usedTokens).toBeGreaterThan(before.map(({ text }) => text).join(' ').length / 8)
})

test('what is pinned to the companion waits, and two tabs send it exactly once', async () => {
  await page.getByTestId('place-picker').getByRole('button').first().click()
  await page.getByRole('menuitemcheckbox').nth(2).click()
  await ask('Name one planet.')
  await expect(page.getByTestId('waiting')).toBeVisible()
  await expect(last()).toHaveAttribute('data-outcome', 'waiting')
  const other = await context.newPage()
  await other.goto(page.url())
  await expect(other.getByTestId('waiting')).toBeVisible({ timeout: 30_000 })
  // It outlives the page it was asked in.
  await page.reload()
  await expect(page.getByTestId('waiting')).toBeVisible()
  const before = started.length
  await startAgain()
  await answered('companion')
  await answered('companion', other)
  await expect(page.getByTestId('waiting')).toHaveCount(0)
  await expect(page.getByText('Name one planet.', { exact: true })).toHaveCount(1)
  expect(started.length - before).toBe(1)
  expect((await runsThere()).filter((id) => id === started.at(-1))).toHaveLength(1)
  const told = await there()
  expect(told.messages.filter(({ text }) => text === 'Name one planet.')).toHaveLength(1)
  // What the page had said in between came before it.
  expect(told.messages.some(({ text }) => text.startsWith('Thank you.'))).toBe(true)
  await other.close()
})

test('what waits can be answered here instead, or be taken back', async () => {
  const before = [...started]
  await companion.stop()
  await away()
  await ask('Name one colour.')
  await page.getByTestId('answer-here').click()
  await answered('page')
  await expect(page.getByTestId('waiting')).toHaveCount(0)
  await ask('Name one river.')
  await expect(page.getByTestId('waiting')).toBeVisible()
  await page.getByTestId('waiting-cancel').click()
  await expect(page.getByTestId('waiting')).toHaveCount(0)
  await expect(page.getByText('Name one river.')).toHaveCount(0)
  await startAgain()
  await back()
  await expect
    .poll(async () => (await there()).messages?.some(({ text }) => text === 'Name one colour.'), {
      timeout: 60_000,
    })
    .toBe(true)
  expect((await there()).messages.some(({ text }) => text === 'Name one river.')).toBe(false)
  expect(started).toEqual(before)
})
