import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { extname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { deflateRawSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { chunkDocument } from '#companion/vault/chunk.ts'
import { Extractor } from '#companion/vault/extractor.ts'
import { isErrorCode } from '#shared/errors/registry.ts'
import { SiloError } from '#shared/errors/silo-error.ts'
import { core, epub, pptx } from '#tests/documents/books.ts'
import { eml, mbox } from '#tests/documents/mails.ts'
import { mutated } from '#tests/documents/mutations.ts'
import { scan } from '#tests/documents/scans.ts'
import { zip } from '#tests/documents/zip.ts'
import { createFakeRecognizer } from '#tests/fakes/text-recognizer.ts'

const fixtures = fileURLToPath(new URL('../fixtures/', import.meta.url))
const signal = AbortSignal.timeout(170_000)
const recognizer = createFakeRecognizer({
  lines: () => [{ text: 'A line', region: { x: 1, y: 1, width: 50, height: 10 }, certainty: 1 }],
  takesMs: 0,
})
const extractor = new Extractor({ recognizer, limitMs: 20_000 })
let folder = ''

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'silo-hostile-'))
})
afterAll(async () => {
  await extractor[Symbol.asyncDispose]()
  await rm(folder, { recursive: true })
})

/** What becomes of a file: its text is whole, or the reason is one that is said. */
async function outcome(name: string, content: string | Uint8Array): Promise<string> {
  const path = join(folder, name)
  await writeFile(path, content)
  try {
    const read = await extractor.extract(path, signal)
    let at = 0
    for (const { start, end } of read.segments) {
      if (start < at || end < start || end > read.text.length) return 'offsets'
      at = end
    }
    for (const chunk of chunkDocument(read))
      if (read.text.slice(chunk.start, chunk.end) !== chunk.text) return 'chunks'
    return 'text'
  } catch (error) {
    return error instanceof SiloError && isErrorCode(error.code) ? error.code : 'unknown'
  } finally {
    await rm(path)
  }
}

const mail = { from: 'Lena <l@a.example>', to: 'w@b.example', subject: '报价', date: 'Thu, 12 Mar 2026 10:30:00 +0100' } // prettier-ignore
const slides = pptx([{ title: 'One', lines: ['Two'], table: [['a', 'b'], ['1', '2']], notes: 'Three' }], core('T', 'A', '2026-01-01T00:00:00Z')) // prettier-ignore
const book = epub({ title: 'B', author: 'A', date: '2024' }, [{ file: 'one', name: 'One', body: '<h1>X</h1><p>Water.</p>' }]) // prettier-ignore

describe('a fuzz corpus', () => {
  it(
    'of 360 damaged files gives text or a reason, and never ends the reader',
    { timeout: 170_000 },
    async () => {
      // prettier-ignore
      const seeds = new Map<string, Uint8Array>()
      for (const name of (await readdir(join(fixtures, 'documents'))).toSorted())
        seeds.set(name, await readFile(join(fixtures, 'documents', name)))
      for (const name of ['invoice-en.webp', 'invoices.pdf'])
        seeds.set(name, await readFile(join(fixtures, 'scans', name)))
      const small = scan([{ text: 'Words', x: 20, y: 90, size: 50 }], { width: 260, height: 140 })
      seeds.set('page.png', small.toBuffer('image/png'))
      seeds.set('page.jpg', small.toBuffer('image/jpeg', 80))
      seeds.set('deck.pptx', slides)
      seeds.set('book.epub', book)
      const letter = eml({ ...mail, text: 'Hello\n> quoted', html: '<p>Hello</p>', files: [{ name: 'd.pptx', data: slides }] }) // prettier-ignore
      seeds.set('letter.eml', Buffer.from(letter))
      seeds.set('box.mbox', Buffer.from(mbox([letter, letter])))
      const names = [...seeds.keys()]
      const counts = new Map<string, number>()
      const pids = new Set<number | undefined>()
      for (let seed = 0; seed < 360; seed++) {
        const name = names[seed % names.length]!
        const what = await outcome(`fuzz-${seed}${extname(name)}`, mutated(seeds.get(name)!, seed))
        counts.set(what, (counts.get(what) ?? 0) + 1)
        pids.add(extractor.pid)
        expect(['text', 'file_damaged', 'file_no_text', 'file_unsupported', 'file_encrypted', 'file_too_large'], `${name}, seed ${seed}`).toContain(what) // prettier-ignore
      }
      // Some survive, some do not; and the reader is not needed anew for each.
      expect(counts.get('text')).toBeGreaterThan(60)
      expect(counts.get('file_damaged')).toBeGreaterThan(60)
      expect(pids.size).toBeLessThan(5)
    },
  )
})

const zeros = (bytes: number): Uint8Array => new Uint8Array(bytes)

describe('bombs', () => {
  it(
    'of every container are refused, whatever their directory claims',
    { timeout: 120_000 },
    async () => {
      // prettier-ignore
      const big = zeros(60 * 1024 * 1024)
      const parts = (claims?: number) => [
        { name: 'word/document.xml', data: big, ...(claims === undefined ? {} : { claims }) },
        { name: 'ppt/presentation.xml', data: big, ...(claims === undefined ? {} : { claims }) },
        { name: 'META-INF/container.xml', data: big, ...(claims === undefined ? {} : { claims }) },
      ]
      const honest = zip(parts())
      const liar = zip(parts(1000))
      for (const ending of ['docx', 'xlsx', 'pptx', 'epub']) {
        expect(await outcome(`honest.${ending}`, honest), ending).toBe('file_too_large')
        expect(await outcome(`liar.${ending}`, liar), ending).toBe('file_damaged')
      }
      const claim = zip([{ name: 'a', data: 'b', claims: 0xffff_fff0 }])
      expect(await outcome('claim.docx', claim)).toBe('file_too_large')
    },
  )

  it('of entries that share their data are refused', async () => {
    // Many entries, all of which point at the first one's data.
    const one = Buffer.from(zip([{ name: 'a', data: zeros(9 * 1024 * 1024) }]))
    const end = one.length - 22
    const at = one.readUInt32LE(end + 16)
    const entry = one.subarray(at, end)
    const count = 500
    const directory = Buffer.concat(Array.from({ length: count }, (_, index) => {
      const copy = Buffer.concat([entry.subarray(0, 46), Buffer.from(`n${String(index).padStart(4, '0')}`)]) // prettier-ignore
      copy.writeUInt16LE(5, 28)
      return copy
    })) // prettier-ignore
    const tail = Buffer.from(one.subarray(end))
    tail.writeUInt16LE(count, 8)
    tail.writeUInt16LE(count, 10)
    tail.writeUInt32LE(directory.length, 12)
    expect(await outcome('shared.docx', Buffer.concat([one.subarray(0, at), directory, tail]))).toBe('file_too_large') // prettier-ignore
  })

  it('of entities are not expanded', async () => {
    const laughs = `<!DOCTYPE a [<!ENTITY b "ha">${Array.from({ length: 20 }, (_, index) => `<!ENTITY b${index} "${`&b${index - 1};`.repeat(10)}">`).join('')}]>` // prettier-ignore
    const files = { 'META-INF/container.xml': `${laughs}<container><rootfiles><rootfile full-path="b.opf"/></rootfiles>&b19;</container>`, 'b.opf': `${laughs}<package><metadata><title>&b19;</title></metadata><spine/></package>` } // prettier-ignore
    const data = zip(Object.entries(files).map(([name, text]) => ({ name, data: text })))
    expect(['file_damaged', 'file_no_text']).toContain(await outcome('laughs.epub', data))
    expect(await outcome('laughs.html', `${laughs}<p>&b19; words</p>`)).toBe('text')
  })

  it('of pixels in a small file are refused', async () => {
    const head = Buffer.from('89504e470d0a1a0a0000000d49484452', 'hex')
    const size = Buffer.alloc(8)
    size.writeUInt32BE(100_000, 0)
    size.writeUInt32BE(100_000, 4)
    expect(await outcome('p.png', Buffer.concat([head, size, deflateRawSync(zeros(1000))]))).toBe('file_too_large') // prettier-ignore
  })
})

describe('depth and length', () => {
  it('without end is read as far as it makes sense', { timeout: 170_000 }, async () => {
    const deepMime = (depth: number): string =>
      depth === 0
        ? 'Content-Type: text/plain\r\n\r\nthe bottom\r\n'
        : `Content-Type: multipart/mixed; boundary="b${depth}"\r\n\r\n--b${depth}\r\n${deepMime(depth - 1)}\r\n--b${depth}--\r\n` // prettier-ignore
    const cases: [string, string | Uint8Array, string[]][] = [
      ['deep.html', `${'<div>'.repeat(100_000)}words`, ['text', 'file_no_text', 'file_damaged']],
      ['inline.html', `${'<a><b>'.repeat(5000)}words`, ['text', 'file_no_text', 'file_damaged']],
      ['table.html', `${'<table><tr><td>'.repeat(3000)}words`, ['text', 'file_no_text', 'file_damaged']], // prettier-ignore
      ['deep.eml', `Subject: x\r\n${deepMime(500)}`, ['text', 'file_damaged']],
      ['mails.eml', Array.from({ length: 300 }, () => 'Subject: x\r\nContent-Type: message/rfc822\r\n\r\n').join(''), ['text', 'file_damaged']], // prettier-ignore
      ['headers.eml', `Subject: x\r\n${'X-A: b\r\n'.repeat(300_000)}\r\nbody`, ['file_damaged', 'text']], // prettier-ignore
      ['deep.epub', zip([{ name: 'META-INF/container.xml', data: `${'<a>'.repeat(50_000)}` }]), ['file_damaged']], // prettier-ignore
      ['deep.json', `${'['.repeat(200_000)}`, ['text']],
      ['deep.ts', `${'(('.repeat(100_000)}`, ['text']],
      ['deep.md', `${'> '.repeat(100_000)}quote`, ['text']],
      ['line.txt', 'x'.repeat(15_000_000), ['text']],
      ['line.csv', `a,b\n${'x'.repeat(10_000_000)},1`, ['text']],
      ['line.mbox', `From a@b Thu Mar 12 2026\nSubject: x\n\n${'y'.repeat(5_000_000)}`, ['text']],
      ['quotes.eml', `Subject: x\r\n\r\n${'>'.repeat(1_000_000)}\r\nOn ${'a '.repeat(100_000)}wrote:`, ['text']], // prettier-ignore
      ['nul.txt', `words\u0000more`, ['file_unsupported']],
      ['nul.eml', `Subject: a\u0000b\r\n\r\nbo\u0000dy`, ['text']],
      ['nul.ts', 'const a = 1\u0000\u0000', ['file_unsupported']],
      ['empty.pptx', zip([]), ['file_damaged']],
      ['empty.mbox', '\n\n\n', ['file_damaged']],
      ['cut.pdf', '%PDF-1.7\n%%EOF', ['file_damaged']],
    ]
    for (const [name, content, expected] of cases)
      expect(expected, name).toContain(await outcome(name, content))
  })
})

describe('a reader that is stuck', () => {
  it('is ended, and the next document is read by another', { timeout: 60_000 }, async () => {
    await using impatient = new Extractor({ limitMs: 300 })
    const path = join(folder, 'slow.csv')
    // The reader needs longer to start than it is given.
    await writeFile(path, `a,b\n${'1,2\n'.repeat(4_000_000)}`)
    await expect(impatient.extract(path, signal)).rejects.toMatchObject({ code: 'file_damaged' })
    expect(impatient.pid).toBeUndefined()
  })

  it('that is killed is started again', async () => {
    const path = join(fixtures, 'documents', 'travel-policy.docx')
    await extractor.extract(path, signal)
    const { pid } = extractor
    process.kill(pid!, 'SIGKILL')
    await expect.poll(() => extractor.pid).toBeUndefined()
    expect((await extractor.extract(path, signal)).title).toBe('Travel Policy')
    expect(extractor.pid).not.toBe(pid)
  })

  it('does not outlive who asked, even while it is busy', { timeout: 60_000 }, async () => {
    const path = join(folder, 'busy.csv')
    await writeFile(path, `a,b\n${'1,2\n'.repeat(4_000_000)}`)
    const script = `
      import { Extractor } from '#companion/vault/extractor.ts'
      const extractor = new Extractor()
      extractor.extract(${JSON.stringify(path)}, new AbortController().signal).catch(() => {})
      setTimeout(() => console.log(extractor.pid), 100)`
    const asker = spawn(process.execPath, ['--input-type=module', '-e', script], {
      cwd: fileURLToPath(new URL('../..', import.meta.url)),
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const [line] = (await once(asker.stdout, 'data')) as [Buffer]
    const reader = Number(line.toString())
    expect(isAlive(reader)).toBe(true)
    asker.kill('SIGKILL')
    await expect.poll(() => isAlive(reader), { timeout: 20_000 }).toBe(false)
  })

  it.runIf(process.env.SILO_LONG_TESTS)(
    'is ended when a document takes all memory',
    { timeout: 170_000 },
    async () => {
      const words = Array.from({ length: 900_000 }, (_, index) => `<w:p><w:r><w:t>word ${index * 7919}</w:t></w:r></w:p>`) // prettier-ignore
      const data = zip([
        { name: '[Content_Types].xml', data: '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Override PartName="/word/document.xml" ContentType="application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"/></Types>' }, // prettier-ignore
        { name: '_rels/.rels', data: '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="r" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="word/document.xml"/></Relationships>' }, // prettier-ignore
        { name: 'word/document.xml', data: `<w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:body>${words.join('')}</w:body></w:document>` }, // prettier-ignore
      ])
      await using patient = new Extractor({ limitMs: 150_000 })
      const path = join(folder, 'hungry.docx')
      await writeFile(path, data)
      await expect(patient.extract(path, signal)).rejects.toMatchObject({ code: 'file_damaged' })
      expect(patient.pid).toBeUndefined()
    },
  )
})

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}
