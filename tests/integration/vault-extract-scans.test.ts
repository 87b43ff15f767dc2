import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createCanvas } from '@napi-rs/canvas'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { silentLog } from '#companion/observe/log.ts'
import { AgreeingRecognizer } from '#companion/ocr/agreeing-recognizer.ts'
import { createProcessRecognizer } from '#companion/ocr/process-recognizer.ts'
import { chunkDocument } from '#companion/vault/chunk.ts'
import { Extractor } from '#companion/vault/extractor.ts'
import type { TextRecognizer } from '#shared/contracts/text-recognizer.ts'
import { eml } from '#tests/documents/mails.ts'
import { imagePdf } from '#tests/documents/pdf.ts'
import { figures, knownLines, scan } from '#tests/documents/scans.ts'
import { createFakeRecognizer } from '#tests/fakes/text-recognizer.ts'

const scans = fileURLToPath(new URL('../fixtures/scans/', import.meta.url))
const signal = AbortSignal.timeout(170_000)
let folder = ''

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'silo-scans-'))
})
afterAll(() => rm(folder, { recursive: true }))

const put = async (name: string, data: string | Uint8Array): Promise<string> => {
  await writeFile(join(folder, name), data)
  return join(folder, name)
}
const reader = (recognizer: TextRecognizer) => new Extractor({ recognizer })
const fake = () => createFakeRecognizer({ lines: knownLines })
const jpegPage = (): { width: number; height: number; jpeg: Uint8Array } => {
  const canvas = scan([{ text: 'Some words', x: 60, y: 200, size: 60 }], {
    width: 500,
    height: 700,
  })
  return { width: 500, height: 700, jpeg: canvas.toBuffer('image/jpeg', 70) }
}

describe('scanned pages', () => {
  it(
    'are read by both engines, with their numbers, and every figure right',
    { timeout: 170_000 },
    async () => {
      // prettier-ignore
      await using extractor = reader(
      new AgreeingRecognizer(
        createProcessRecognizer('paddle', { log: silentLog }),
        createProcessRecognizer('tesseract', { log: silentLog }),
      ),
    )
      const pages: number[][] = []
      const read = await extractor.extract(join(scans, 'invoices.pdf'), signal, {
        onPage: (page, count) => pages.push([page, count]),
      })
      expect(pages).toEqual([[1, 2], [2, 2]]) // prettier-ignore
      expect(read).toMatchObject({ kind: 'document', pages: 2, author: 'Scanner of the office' })
      const chunks = chunkDocument(read)
      for (const [page, language] of [
        [1, 'en'],
        [2, 'zh'],
      ] as const) {
        // prettier-ignore
        const text = chunks.filter((chunk) => chunk.page === page).map((chunk) => chunk.text).join('\n') // prettier-ignore
        const { rows, totals } = figures(language)
        for (const figure of [...rows.flat(), ...totals]) expect(text, language).toContain(figure)
      }
      expect(read.text).toContain('Feed pump FM-7 | 6 | 1,380.50 | 8,283.00')
      expect(read.text).toContain('不锈钢进料泵 | 6 | 4,180.50 | 25,083.00')
      expect(read.text).toContain('收货后三十天内付清全部货款')
    },
  )

  it('stand beside pages with a text layer, which is not recognised', async () => {
    let asked = 0
    await using extractor = reader(
      createFakeRecognizer({
        lines: () => {
          asked += 1
          return [{ text: 'Words of the scan', region: { x: 10, y: 10, width: 300, height: 30 }, certainty: 0.3 }] // prettier-ignore
        },
      }),
    )
    const page = jpegPage()
    const path = await put('mixed.pdf', imagePdf([page, page], 'Words of the text layer itself'))
    const read = await extractor.extract(path, signal)
    expect(asked).toBe(1)
    const at = (words: string) => read.segments.find(({ start, end }) => read.text.slice(start, end).includes(words))?.page // prettier-ignore
    expect(at('Words of the text layer itself')).toBe(1)
    expect(at('Words of the scan')).toBe(2)
    // What was guessed at is said so, at exact offsets.
    expect(read.uncertain?.map(({ start, end }) => read.text.slice(start, end))).toEqual(['Words of the scan']) // prettier-ignore
  })

  it('without ink are not recognised', async () => {
    await using extractor = reader(createFakeRecognizer({ lines: () => { throw new Error('asked') } })) // prettier-ignore
    const canvas = scan([], { width: 400, height: 500 })
    const blank = { width: 400, height: 500, jpeg: canvas.toBuffer('image/jpeg', 80) }
    const path = await put('blank.pdf', imagePdf([blank]))
    await expect(extractor.extract(path, signal)).rejects.toMatchObject({ code: 'file_no_text' })
  })

  it('have no text where nobody recognises it', async () => {
    await using extractor = new Extractor()
    for (const name of ['invoices.pdf', 'invoice-en.webp'])
      await expect(extractor.extract(join(scans, name), signal)).rejects.toMatchObject({ code: 'file_no_text' }) // prettier-ignore
  })

  it('whose recognition fails can be tried again, and the reader goes on', async () => {
    let fails = true
    await using extractor = reader({
      ...fake(),
      async recognize(picture, options) {
        if (fails) throw new Error('out of order')
        return fake().recognize(picture, options)
      },
    })
    const path = join(scans, 'invoice-en.webp')
    await expect(extractor.extract(path, signal)).rejects.toMatchObject({ code: 'ocr_failed' })
    fails = false
    expect((await extractor.extract(path, signal)).text).toContain('13,576.23')
  })

  it('are given up at once when nobody waits for them', async () => {
    let gaveUp = false
    await using extractor = reader({
      ...fake(),
      recognize: (_, options) =>
        new Promise((_resolve, reject) =>
          options.signal.addEventListener('abort', () => {
            gaveUp = true
            reject(options.signal.reason)
          }),
        ),
    })
    const stop = new AbortController()
    const reading = extractor.extract(join(scans, 'invoice-en.webp'), stop.signal, {
      onPage: () => stop.abort(new Error('stop')),
    })
    await expect(reading).rejects.toThrow('stop')
    expect(gaveUp).toBe(true)
  })
})

describe('pictures', () => {
  it('of every kind are read, also in mail', async () => {
    await using extractor = reader(fake())
    const canvas = createCanvas(1240, 900)
    const context = canvas.getContext('2d')
    context.fillStyle = 'white'
    context.fillRect(0, 0, 1240, 900)
    context.fillStyle = 'black'
    for (let at = 0; at < 400; at++) context.fillRect((at * 37) % 1200, (at * 91) % 880, 30, 8)
    const kinds = { 'a.png': canvas.toBuffer('image/png'), 'b.jpg': canvas.toBuffer('image/jpeg'), 'c.webp': canvas.toBuffer('image/webp'), 'd.bmp': bmp(canvas.data(), 1240, 900) } // prettier-ignore
    for (const [name, data] of Object.entries(kinds)) {
      const read = await extractor.extract(await put(name, data), signal)
      expect(read, name).toMatchObject({ kind: 'image', title: name[0] })
      expect(read.text, name).toContain('Kranich Pumps Ltd')
    }
    const mail = eml({ from: 'a@b.example', to: 'c@d.example', subject: 'Scan', date: 'Thu, 12 Mar 2026 10:30:00 +0100', text: 'See attachment.', files: [{ name: 'page.jpg', data: kinds['b.jpg'] }] }) // prettier-ignore
    expect((await extractor.extract(await put('scan.eml', mail), signal)).text).toContain('Kranich')
  })

  it('with more pixels than a page has are refused by their head alone', async () => {
    await using extractor = reader(fake())
    const png = createCanvas(4, 4).toBuffer('image/png')
    png.writeUInt32BE(60_000, 16)
    png.writeUInt32BE(60_000, 20)
    await expect(extractor.extract(await put('bomb.png', png), signal)).rejects.toMatchObject({ code: 'file_too_large' }) // prettier-ignore
  })
})

/** A bitmap of 32 bits a pixel, from the top. */
function bmp(rgba: Uint8Array, width: number, height: number): Uint8Array {
  const head = Buffer.alloc(54)
  head.write('BM')
  head.writeUInt32LE(54 + rgba.length, 2)
  head.writeUInt32LE(54, 10)
  head.writeUInt32LE(40, 14)
  head.writeInt32LE(width, 18)
  head.writeInt32LE(-height, 22)
  head.writeUInt16LE(1, 26)
  head.writeUInt16LE(32, 28)
  return new Uint8Array(Buffer.concat([head, rgba]))
}
