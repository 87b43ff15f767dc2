import { chromium, expect, test, type BrowserContext, type Page } from '@playwright/test'
import { speechPath, spoken, understood, type Spoken } from '#tests/speech.ts'
import { launchOptions } from './browser.ts'
import { makeHome, removeHome, startCompanionProcess, type RunningCompanion } from './companion.ts'

/** Real speech from a microphone that plays a file, the real recogniser, and the text in the message field. */
const hearingMs = 170_000

/** How long each recording lasts, in milliseconds, with a little silence after it. */
const lasts = { en: 6500, zh: 6500 } as const

test.describe.configure({ mode: 'serial' })

let companion: RunningCompanion
test.beforeAll(async () => {
  companion = await startCompanionProcess(makeHome(['whisper-base', 'smollm2-135m']))
})
test.afterAll(async () => {
  await companion?.stop()
  if (companion) removeHome(companion.home)
})

interface Talker {
  readonly page: Page
  close(): Promise<void>
}

/** A browser whose microphone says a fixture, or that has none to give. */
async function open(
  say: Spoken | 'denied',
  context: Parameters<typeof chromium.launchPersistentContext>[1] = {},
  at: RunningCompanion = companion,
): Promise<Talker> {
  const browser = await chromium.launch({
    ...launchOptions,
    args: [
      ...(launchOptions.args ?? []),
      '--use-fake-device-for-media-stream',
      ...(say === 'denied'
        ? []
        : [
            '--use-fake-ui-for-media-stream',
            `--use-file-for-fake-audio-capture=${speechPath(say)}%noloop`,
          ]),
    ],
  })
  const opened: BrowserContext = await browser.newContext({
    viewport: { width: 1440, height: 900 },
    locale: say === 'zh' ? 'zh-CN' : 'en-US',
    ...(say === 'denied' ? {} : { permissions: ['microphone'] }),
    ...context,
  })
  const page = await opened.newPage()
  await page.goto(at.urlWithToken)
  await page.evaluate(() =>
    fetch('/api/settings', {
      method: 'PATCH',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ onboarded: true }),
    }),
  )
  await page.goto(at.url)
  await expect(page.getByTestId('voice')).toBeEnabled()
  return { page, close: () => browser.close() }
}

async function said(page: Page, language: Spoken): Promise<void> {
  const input = page.getByTestId('composer-input')
  await expect(input).not.toHaveValue('', { timeout: hearingMs })
  const text = await input.inputValue()
  expect(understood(spoken[language], text), text).toBeGreaterThanOrEqual(0.7)
}

test('what is said while the button is held arrives as text to be looked at', async () => {
  const { page, close } = await open('en')
  const button = page.getByTestId('voice')
  const box = (await button.boundingBox())!
  await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2)
  await page.mouse.down()
  const strip = page.getByTestId('voice-strip')
  await expect(strip).toHaveAttribute('data-phase', 'recording')
  // The meter moves with the voice.
  await expect
    .poll(async () => Number(await strip.locator('.meter').getAttribute('data-level')))
    .toBeGreaterThan(0.3)
  await page.waitForTimeout(lasts.en)
  await page.mouse.up()
  await expect(strip).toHaveAttribute('data-phase', 'sending')
  await said(page, 'en')
  await expect(strip).toBeHidden()
  // Nothing is sent by itself, and the text can be changed.
  await expect(page.getByTestId('message-user')).toHaveCount(0)
  await page.getByTestId('composer-input').pressSequentially(' Thanks!')
  await expect(page.getByTestId('composer-input')).toHaveValue(/Thanks!$/)
  await close()
})

test('Chinese by tapping on a phone, sent at once where that is wanted', async () => {
  const { page, close } = await open('zh', {
    viewport: { width: 390, height: 844 },
    hasTouch: true,
    isMobile: true,
  })
  await page.goto(`${companion.url}/settings`)
  await page.getByTestId('voice-sends').getByRole('switch').click()
  await page.goto(companion.url)
  const button = page.getByTestId('voice')
  await button.tap()
  await expect(page.getByTestId('voice-strip')).toHaveAttribute('data-phase', 'recording')
  await page.waitForTimeout(lasts.zh)
  await button.tap()
  const message = page.getByTestId('message-user')
  await expect(message).toBeVisible({ timeout: hearingMs })
  const text = await message.innerText()
  expect(understood(spoken.zh, text), text).toBeGreaterThanOrEqual(0.7)
  await expect(page.getByTestId('composer-input')).toHaveValue('')
  await close()
})

test('by keyboard; Escape drops it, and the finger that slides away', async () => {
  const { page, close } = await open('en')
  const button = page.getByTestId('voice')
  const strip = page.getByTestId('voice-strip')
  await button.focus()
  await page.keyboard.down(' ')
  await expect(strip).toHaveAttribute('data-phase', 'recording')
  await page.keyboard.press('Escape')
  await expect(strip).toBeHidden()
  await page.keyboard.up(' ')

  const box = (await button.boundingBox())!
  await page.mouse.move(box.x + 10, box.y + 10)
  await page.mouse.down()
  await expect(strip).toHaveAttribute('data-phase', 'recording')
  await page.mouse.move(box.x - 300, box.y - 200)
  await expect(strip).toHaveClass(/leaving/)
  await page.mouse.up()
  await expect(strip).toBeHidden()
  await expect(page.getByTestId('composer-input')).toHaveValue('')
  await close()
})

test('says why where the microphone is refused', async () => {
  const { page, close } = await open('denied')
  await page.getByTestId('voice').click()
  await expect(page.getByTestId('voice-note')).toContainText('does not allow the microphone')
  await expect(page.getByTestId('voice')).toBeEnabled()
  await close()
})

test('a missing model is offered with its size, and nothing is fetched unasked', async () => {
  const without = await startCompanionProcess(makeHome(['smollm2-135m']), { SILO_OFFLINE: '1' })
  const { page, close } = await open('en')
  await page.goto(without.urlWithToken)
  await page.evaluate(() =>
    fetch('/api/settings', {
      method: 'PATCH',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ onboarded: true }),
    }),
  )
  await page.goto(without.url)
  const button = page.getByTestId('voice')
  await button.click()
  await expect(page.getByTestId('voice-strip')).toHaveAttribute('data-phase', 'recording')
  await page.waitForTimeout(1000)
  await button.click()
  const dialog = page.getByRole('dialog')
  await expect(dialog).toContainText('Whisper Base')
  await expect(dialog).toContainText('148 MB')
  const models = await page.evaluate(async () => (await fetch('/api/models')).json())
  expect(
    models.models.find(({ entry }: { entry: { id: string } }) => entry.id === 'whisper-base'),
  ).not.toHaveProperty('downloadRunId')
  // Offline there is no source: the dialog says so and stays.
  await dialog.getByRole('button', { name: /Download/ }).click()
  await expect(dialog).toContainText(/could not be fetched|download/i)
  await close()
  await without.stop()
  removeHome(without.home)
})

test('an answer is read aloud by a voice of this device, sentence by sentence', async () => {
  const answers = { SILO_FAKE_REPLY: 'The first sentence is here. The second one follows it. The third one is the last.', SILO_FAKE_DELAY: '1' } // prettier-ignore
  const answering = await startCompanionProcess(makeHome([]), answers, 'tests/fakes/companion.ts')
  const { page, close } = await open('en', {}, answering)
  // Chromium here has no voices: this one notes what it is given, and speaks until it is told to be done.
  await page.addInitScript(() => {
    const told: string[] = []
    let speaking: EventTarget | undefined
    const end = () => speaking?.dispatchEvent(new Event('end'))
    const voice = { lang: 'en-US', localService: true, voiceURI: 'here', name: 'Here' }
    const remote = { lang: 'en-US', localService: false, voiceURI: 'away', name: 'Away' }
    const synthesis = Object.assign(new EventTarget(), {
      told,
      end,
      getVoices: () => [remote, voice],
      speak(utterance: SpeechSynthesisUtterance) {
        told.push(`${utterance.voice?.voiceURI ?? 'none'}: ${utterance.text}`)
        speaking = utterance
      },
      cancel() {},
      pause() {},
      resume() {},
    })
    Object.defineProperty(globalThis, 'speechSynthesis', { value: synthesis })
    class Utterance extends EventTarget {
      text: string
      lang = ''
      voice: unknown = null
      constructor(text: string) {
        super()
        this.text = text
      }
    }
    Object.defineProperty(globalThis, 'SpeechSynthesisUtterance', { value: Utterance })
  })
  await page.goto(answering.url)
  await page.getByTestId('composer-input').fill('Say hello to me.')
  await page.getByTestId('send').click()
  const answer = page.getByTestId('message-assistant').last()
  await expect(answer).toHaveAttribute('data-outcome', 'done', { timeout: hearingMs })
  const button = answer.getByTestId('read-aloud')
  await button.click()
  await expect(button).toHaveAttribute('data-state', 'speaking')
  const told = () => page.evaluate(() => Reflect.get(speechSynthesis, 'told') as string[])
  await expect.poll(told).toEqual(['here: The first sentence is here.'])
  await page.evaluate(() => (Reflect.get(speechSynthesis, 'end') as () => void)())
  await expect.poll(told).toEqual(['here: The first sentence is here.', 'here: The second one follows it.']) // prettier-ignore
  await answer.getByTestId('stop-reading').click()
  await expect(button).toHaveAttribute('data-state', 'idle')
  expect(await told()).toHaveLength(2)
  await close()
  await answering.stop()
  removeHome(answering.home)
})
