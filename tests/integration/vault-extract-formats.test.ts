import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { chunkDocument } from '#companion/vault/chunk.ts'
import type { Extracted } from '#companion/vault/extract/extracted.ts'
import { Extractor } from '#companion/vault/extractor.ts'
import { core, epub, pptx } from '#tests/documents/books.ts'
import { eml, mbox, type Mail } from '#tests/documents/mails.ts'

const signal = AbortSignal.timeout(120_000)
const extractor = new Extractor()
let folder = ''

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'silo-formats-'))
})
afterAll(async () => {
  await extractor[Symbol.asyncDispose]()
  await rm(folder, { recursive: true })
})

async function read(name: string, content: string | Uint8Array): Promise<Extracted> {
  await writeFile(join(folder, name), content)
  return extractor.extract(join(folder, name), signal)
}

const slides = pptx(
  [
    { title: 'Plant Suzhou 2026', lines: ['Output and plans'], notes: 'Greet the visitors first.' },
    {
      title: '产能计划',
      lines: ['二号线三月投产', 'R&amp;D moves to hall 4'],
      table: [
        ['季度', '产量'],
        ['Q1', '1200 台'],
        ['Q2', '1850 台'],
      ],
    },
  ],
  core('Visit of the board', 'Wei Chen', '2026-03-20T08:00:00Z'),
)

const offer: Mail = {
  from: 'Lena Brandt <lena@kranich.example>',
  to: '陈伟 <wei@silo.example>',
  subject: '报价 FM-7 / offer',
  date: 'Thu, 12 Mar 2026 10:30:00 +0100',
  text: 'Hello Wei,\n\nthe pump costs 4,180 euros until the end of May.\n\nLena',
  files: [
    { name: '报价.csv', data: Buffer.from('item,price\nFM-7,4180\nseal kit,96\n') },
    { name: 'board.pptx', data: slides },
    { name: 'firmware.bin', data: new Uint8Array(40) },
    { name: 'broken.docx', data: Buffer.from('PK\u0003\u0004 not at all') },
  ],
}
const answer: Mail = {
  from: '陈伟 <wei@silo.example>',
  to: 'Lena Brandt <lena@kranich.example>',
  subject: 'Re: 报价 FM-7 / offer',
  date: 'Fri, 13 Mar 2026 09:00:00 +0800',
  text: 'We take six of them.\nFrom here on, ship to hall 4.\n\nOn Thu, 12 Mar 2026 at 10:30, Lena Brandt <lena@kranich.example>\nwrote:\n> Hello Wei,\n>\n> the pump costs 4,180 euros until the end of May.\n>\n> Lena',
}

const answeredPage = (quote: string) =>
  `<html><body><p>Please pay until Friday.</p><table><tr><td>Item</td><td>Sum</td></tr><tr><td>Seal</td><td>96</td></tr></table><div class="gmail_quote">${quote}<blockquote>Old words of last year.</blockquote></div></body></html>` // prettier-ignore

describe('presentations', () => {
  it('have slides as pages in the order they are shown, with titles, tables and notes', async () => {
    const deck = await read('board.pptx', slides)
    expect(deck).toMatchObject({ kind: 'slides', title: 'Visit of the board', author: 'Wei Chen', pages: 2, date: Date.UTC(2026, 2, 20, 8) }) // prettier-ignore
    const of = (words: string) => deck.segments.find(({ start, end }) => deck.text.slice(start, end).includes(words)) // prettier-ignore
    expect(of('Greet the visitors')).toMatchObject({ page: 1, headings: ['Plant Suzhou 2026'] })
    expect(of('R&D moves to hall 4')).toMatchObject({ page: 2, headings: ['产能计划'] })
    expect(of('季度: Q2; 产量: 1850 台')).toMatchObject({ page: 2, kind: 'row' })
    expect(deck.text.indexOf('产能计划')).toBeLessThan(deck.text.indexOf('二号线'))
    expect(deck.segments.every(({ kind, page }) => kind !== 'text' || page > 0)).toBe(true)
  })
})

describe('books', () => {
  it('are read in the order of the spine, below the names of their chapters', async () => {
    const book = await read(
      'pumps.epub',
      epub({ title: 'On Pumps', author: 'I. Lindqvist', date: '2024-05-01' }, [
        { file: 'one', name: 'First things', body: '<p>Water comes first.</p>' },
        { file: '第二章', name: 'unused', body: '<h1>Valves &amp; seals</h1><p>Then come valves.</p><h2>Wear</h2><p>They wear out.</p>' }, // prettier-ignore
        { file: 'three', name: 'The end', body: '<p>Closing words.</p>' },
      ]),
    )
    expect(book).toMatchObject({ kind: 'document', title: 'On Pumps', author: 'I. Lindqvist', date: Date.UTC(2024, 4, 1) }) // prettier-ignore
    const heads = book.segments.filter(({ kind }) => kind === 'text').map(({ headings }) => headings) // prettier-ignore
    expect(heads).toEqual([['First things'], ['Valves & seals'], ['Valves & seals', 'Wear'], ['The end']]) // prettier-ignore
  })
})

describe('mails', () => {
  it('say subject, sender, receiver and day, and hold what is attached', async () => {
    const mail = await read('offer.eml', eml(offer))
    expect(mail).toMatchObject({ kind: 'mail', title: '报价 FM-7 / offer', author: 'Lena Brandt <lena@kranich.example>', date: Date.UTC(2026, 2, 12, 9, 30) }) // prettier-ignore
    expect(mail.text).toContain('To: 陈伟 <wei@silo.example>')
    expect(mail.text).toContain('Date: 2026-03-12 09:30 UTC')
    const row = mail.segments.find(({ start, end }) => mail.text.slice(start, end) === 'item: FM-7; price: 4180') // prettier-ignore
    expect(row?.headings).toEqual(['报价 FM-7 / offer', '报价.csv'])
    expect(mail.text).toContain('二号线三月投产')
    expect(mail.text).toContain('firmware.bin, broken.docx')
    for (const { headings } of mail.segments.slice(1)) expect(headings[0]).toBe(mail.title)
  })

  it('in a mailbox are parts that no passage spans, without the thread below', async () => {
    const box = await read('archive.mbox', mbox([eml(offer), eml(answer), eml({ ...offer, text: 'Short.', files: [] })])) // prettier-ignore
    expect(box).toMatchObject({ kind: 'mail', title: 'archive', date: Date.UTC(2026, 2, 13, 1) })
    expect(new Set(box.segments.map(({ part }) => part))).toEqual(new Set([1, 2, 3]))
    const second = box.segments.filter(({ part }) => part === 2)
    const text = box.text.slice(second[0]!.start, second.at(-1)!.end)
    expect(text).toContain('We take six of them.\nFrom here on, ship to hall 4.')
    expect(text).not.toContain('4,180')
    for (const chunk of chunkDocument(box)) {
      const parts = box.segments.filter(({ start, end }) => start < chunk.end && end > chunk.start)
      expect(new Set(parts.map(({ part }) => part)).size, chunk.text).toBe(1)
      expect(chunk.headings[0]).toMatch(/offer/)
    }
  })

  it('that are pages lose the quoted thread, not what is forwarded', async () => {
    const plain = { ...offer, files: [] }
    const { text: _, ...page } = plain
    const answered = await read('page.eml', eml({ ...page, html: answeredPage('Lena wrote:') }))
    expect(answered.text).toContain('Item: Seal; Sum: 96')
    expect(answered.text).not.toContain('Old words')
    const passedOn = await read(
      'pass.eml',
      eml({ ...page, html: answeredPage('--- Forwarded message ---') }),
    )
    expect(passedOn.text).toContain('Old words')
  })

  it('in the encodings of Chinese programs', async () => {
    const body = Buffer.from('bbe1d2e9b8c4b5bdd6dccee5', 'hex').toString('latin1')
    const raw = `From: a@example.org\r\nSubject: =?GB2312?B?u+HS6Q==?=\r\nDate: Mon, 6 Apr 2026 08:00:00 +0800\r\nContent-Type: text/plain; charset=GB18030\r\nContent-Transfer-Encoding: 8bit\r\n\r\n${body}` // prettier-ignore
    const mail = await read('gb.eml', Buffer.from(raw, 'latin1'))
    expect(mail.title).toBe('会议')
    expect(mail.text).toContain('会议改到周五')
  })
})

describe('what a document says of itself', () => {
  it('is kept: pages, Markdown', async () => {
    const page = await read('page.html', '<html><head><meta name="author" content="Ines Roth"><meta property="article:published_time" content="2026-02-01T10:00:00Z"></head><body><p>Words.</p></body></html>') // prettier-ignore
    expect(page).toMatchObject({ kind: 'web', author: 'Ines Roth', date: Date.UTC(2026, 1, 1, 10) })
    const note = await read('note.md', '---\ntitle: Plan\ndate: 2026-01-05\nauthor: "Wei"\n---\n\n# Plan\n\nWords.\n') // prettier-ignore
    expect(note).toMatchObject({ title: 'Plan', author: 'Wei', date: Date.UTC(2026, 0, 5) })
    const nothing = await read('bare.md', 'Words without a head.')
    expect(nothing).not.toHaveProperty('date')
    expect(nothing).not.toHaveProperty('author')
  })
})
