import { mkdtemp, open, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { chunkDocument } from '#companion/vault/chunk.ts'
import type { Extracted } from '#companion/vault/extract/extracted.ts'
import { Extractor } from '#companion/vault/extractor.ts'
import { guessTokens } from '#shared/generation/token-guess.ts'
import { questions } from '#tests/fixtures/questions.ts'

const fixtures = fileURLToPath(new URL('../fixtures/', import.meta.url))
const signal = AbortSignal.timeout(120_000)
const extractor = new Extractor()
let folder = ''

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'silo-extract-'))
})
afterAll(async () => {
  await extractor[Symbol.asyncDispose]()
  await rm(folder, { recursive: true })
})

const read = (name: string): Promise<Extracted> =>
  extractor.extract(join(fixtures, 'documents', name), signal)
const readText = async (name: string, content: string | Uint8Array): Promise<Extracted> => {
  await writeFile(join(folder, name), content)
  return extractor.extract(join(folder, name), signal)
}

describe('extraction', () => {
  it('finds the text that every labelled question asks for', async () => {
    for (const { document, answerContains } of questions) {
      const { text } = await read(document)
      expect(text.replace(/\s+/g, ' '), document).toContain(answerContains)
    }
  })

  it('cuts every document into chunks that are slices of its text and lose no word', async () => {
    for (const name of new Set(questions.map((question) => question.document))) {
      const extracted = await read(name)
      const chunks = chunkDocument(extracted)
      let covered = 0
      for (const chunk of chunks) {
        expect(extracted.text.slice(chunk.start, chunk.end)).toBe(chunk.text)
        if (chunk.start > covered)
          expect(extracted.text.slice(covered, chunk.start).replace(/[-\s]/g, ''), name).toBe('')
        covered = Math.max(covered, chunk.end)
      }
      expect(extracted.text.slice(covered).trim(), name).toBe('')
    }
  })

  it('knows pages and headings', async () => {
    const lease = await read('lease-hamburg-warehouse.pdf')
    expect(lease.pages).toBe(3)
    const chunk = chunkDocument(lease).find(({ text }) => text.includes('seven months'))
    expect(chunk?.page).toBe(2)
    expect(chunk?.headings).toContain('3 Term and notice')
    const policy = chunkDocument(await read('差旅管理办法.docx'))
    expect(policy.some(({ text }) => text.includes('城市类别: 一线城市'))).toBe(true)
  })

  it('detects the encoding of a text', async () => {
    expect((await read('安全生产须知.txt')).text).toContain('疏散集合点在东门停车场')
    expect((await readText('latin.txt', Buffer.from('Gr\xfc\xdfe aus K\xf6ln', 'latin1'))).text).toContain('Grüße aus Köln') // prettier-ignore
    expect((await readText('wide.txt', Buffer.from('\ufeff宽字符 text', 'utf16le'))).text).toContain('宽字符 text') // prettier-ignore
  })

  it('says why a file cannot be read, and reads the next one', async () => {
    const reasons: Record<string, string> = {
      'truncated.pdf': 'file_damaged',
      'encrypted.pdf': 'file_encrypted',
      'empty.txt': 'file_no_text',
      'garbage.txt': 'file_unsupported',
      'broken.docx': 'file_damaged',
    }
    for (const [name, code] of Object.entries(reasons))
      await expect(extractor.extract(join(fixtures, 'bad', name), signal), name).rejects.toMatchObject({ code }) // prettier-ignore
    expect((await read('travel-policy.docx')).text).toContain('53 euros')
  })

  it('refuses a text of 2 GB without reading it', async () => {
    const path = join(folder, 'huge.txt')
    const file = await open(path, 'w')
    await file.truncate(2_000_000_000)
    await file.close()
    await expect(extractor.extract(path, signal)).rejects.toMatchObject({ code: 'file_too_large' })
  })

  it('is not stopped by an abort in the middle of a document', async () => {
    const stop = new AbortController()
    const reading = extractor.extract(join(fixtures, 'documents', '厂房租赁合同.pdf'), stop.signal)
    stop.abort(new Error('stop'))
    await expect(reading).rejects.toThrow('stop')
    expect((await read('travel-policy.docx')).title).toBe('Travel Policy')
  })

  it('keeps chunks below what the model holds, whatever the text', async () => {
    const samples = [
      '没有标点的长文'.repeat(900),
      'x'.repeat(20_000),
      '🏭'.repeat(3000),
      'One sentence after another, all of the same kind. '.repeat(300),
      Array.from({ length: 500 }, (_, i) => `  call(${i}, [${i}]);`).join('\n'),
    ]
    for (const [index, sample] of samples.entries()) {
      const extracted = await readText(`long-${index}.txt`, sample)
      for (const chunk of chunkDocument(extracted)) {
        expect(guessTokens(chunk.text)).toBeLessThanOrEqual(420)
        expect(extracted.text.slice(chunk.start, chunk.end)).toBe(chunk.text)
        expect(/^[\udc00-\udfff]|[\ud800-\udbff]$/.test(chunk.text)).toBe(false)
      }
    }
  })
})
