import { expect, it } from 'vitest'
import { silentLog } from '#companion/observe/log.ts'
import { AgreeingRecognizer } from '#companion/ocr/agreeing-recognizer.ts'
import { quarterTurned } from '#companion/ocr/gray.ts'
import { createProcessRecognizer } from '#companion/ocr/process-recognizer.ts'
import { figures, loadScan } from '#tests/documents/scans.ts'
import { createFakeRecognizer } from '#tests/fakes/text-recognizer.ts'
import { textRecognizerContract } from './text-recognizer.ts'

const open = (engine: 'paddle' | 'tesseract') => createProcessRecognizer(engine, { log: silentLog })

textRecognizerContract('PP-OCR', { figures: 0.95, words: 0.8 }, async () => open('paddle'))
textRecognizerContract('Tesseract', { figures: 0.8, words: 0.5 }, async () => open('tesseract'))
textRecognizerContract(
  'both together',
  { figures: 1, words: 0.9 },
  async () => new AgreeingRecognizer(open('paddle'), open('tesseract')),
)

it(
  'a process that dies is said, and the next picture is read by another',
  { timeout: 170_000 },
  async () => {
    await using recognizer = open('tesseract')
    const { picture } = await loadScan('en')
    const options = { signal: new AbortController().signal }
    const reading = recognizer.recognize(picture, options)
    const failed = expect(reading).rejects.toMatchObject({ code: 'ocr_failed' })
    await expect.poll(() => recognizer.pid).toBeDefined()
    const { pid } = recognizer
    process.kill(pid!, 'SIGKILL')
    await failed
    const { lines } = await recognizer.recognize(picture, options)
    expect(lines.map(({ text }) => text).join()).toContain('Kranich')
    expect(recognizer.pid).not.toBe(pid)
  },
)

it('an engine that nobody needs leaves the memory', { timeout: 170_000 }, async () => {
  await using recognizer = createProcessRecognizer('tesseract', { log: silentLog, idleMs: 50 })
  const { picture } = await loadScan('en')
  await recognizer.recognize(picture, { signal: new AbortController().signal })
  await expect.poll(() => recognizer.pid, { timeout: 20_000 }).toBeUndefined()
})

it('one engine works alone where the other cannot', { timeout: 170_000 }, async () => {
  const missing = createFakeRecognizer({ lines: () => [], available: false })
  await using recognizer = new AgreeingRecognizer(missing, open('tesseract'))
  const signal = new AbortController().signal
  expect(await recognizer.probe(signal)).toEqual({ available: true })
  const { lines } = await recognizer.recognize((await loadScan('en')).picture, { signal })
  expect(lines.map(({ text }) => text).join()).toContain('Kranich')
})

it(
  'pages on their side, on their head and askew are read upright',
  { timeout: 170_000 },
  async () => {
    await using recognizer = open('paddle')
    const signal = new AbortController().signal
    const { picture } = await loadScan('en')
    for (const quarters of [1, 2, 3] as const) {
      const page = await recognizer.recognize(quarterTurned(picture, quarters), { signal })
      expect(page.turn.quarters).toBe(4 - quarters)
      const text = page.lines.map((line) => line.text.replace(/\s/g, '')).join()
      for (const total of figures('en').totals) expect(text, `${quarters}`).toContain(total)
    }
    const askew = await recognizer.recognize((await loadScan('zh')).picture, { signal })
    expect(Math.abs(askew.turn.angle + (1.4 * Math.PI) / 180)).toBeLessThan(0.006)
  },
)
