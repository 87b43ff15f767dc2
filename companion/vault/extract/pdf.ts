import { getDocumentProxy } from 'unpdf'
import { SiloError } from '#shared/errors/silo-error.ts'
import { aboutOf, pdfDate } from './about.ts'
import { blankCanvas, PageCanvasFactory, pictureOf, providePageDrawing } from './canvas.ts'
import { TextBuilder, titleOf, type Extracted } from './extracted.ts'

import { addRecognized, type Recognize } from './recognize.ts'
import { maxPicturePixels, type RecognizedPage } from '#shared/contracts/text-recognizer.ts'

interface Line {
  text: string
  height: number
  y: number
}

/** Pages without a text layer that are read from their picture. */
const maxScanned = 500
/** A page with less text than this may be a scan with a stamp of the scanner. */
const scarce = 16
/** Pixels of the longer side of a page's picture: A4 at 200 dpi. */
const pictureSide = 2340

/**
 * The text layer of a PDF, page by page. Larger type is taken for headings, a gap for a new paragraph. Pages
 * without a text layer are recognised from their picture, where there is one who reads it.
 * @throws SiloError file_damaged, file_encrypted, file_no_text, file_too_large, ocr_failed
 */
export async function extractPdf(
  bytes: Uint8Array,
  fileName: string,
  recognize?: Recognize,
): Promise<Extracted> {
  const tail = Buffer.from(bytes.subarray(-2048)).toString('latin1')
  // The reader would guess its way through a cut-off file and lose pages silently.
  if (!tail.includes('%%EOF')) throw new SiloError('file_damaged')
  const document = await getDocumentProxy(bytes, documentOptions(recognize)).catch(refuse)
  try {
    const builder = new TextBuilder()
    const pages: Line[][] = []
    for (let number = 1; number <= document.numPages; number++) {
      const page = await document.getPage(number).catch(refuse)
      const content = await page.getTextContent().catch(refuse)
      pages.push(linesOf(content.items))
      page.cleanup()
    }
    const scanned = recognize ? await readScanned(document, pages, recognize) : new Map()
    const body = bodyHeight(pages)
    for (const [index, lines] of pages.entries()) {
      builder.page = index + 1
      const read = scanned.get(index + 1)
      if (read) addRecognized(builder, read.lines)
      else addPage(builder, lines, body)
    }
    if (builder.segments.length === 0) throw new SiloError('file_no_text')
    const { info } = await document.getMetadata().catch(() => ({ info: {} }))
    const { CreationDate, ModDate, Author } = info as Record<string, unknown>
    const author = typeof Author === 'string' ? Author : ''
    return builder.build('document', titleOf(builder.segments, fileName), {
      ...aboutOf(pdfDate(CreationDate) ?? pdfDate(ModDate), author),
      pages: document.numPages,
    })
  } finally {
    await document.destroy()
  }
}

type Pdf = Awaited<ReturnType<typeof getDocumentProxy>>

function documentOptions(recognize: Recognize | undefined): object {
  if (!recognize) return {}
  providePageDrawing()
  return { CanvasFactory: PageCanvasFactory, canvasMaxAreaInBytes: 4 * maxPicturePixels }
}

/** Page number → what was recognised on it, for pages with hardly any text. */
async function readScanned(
  document: Pdf,
  pages: readonly Line[][],
  recognize: Recognize,
): Promise<Map<number, RecognizedPage>> {
  const length = (lines: readonly Line[]): number =>
    lines.reduce((sum, { text }) => sum + text.trim().length, 0)
  const bare = pages.flatMap((lines, index) => (length(lines) < scarce ? [index + 1] : []))
  if (bare.length > maxScanned)
    throw new SiloError('file_too_large', {
      params: { size: `${bare.length} scanned pages`, limit: `${maxScanned}` },
    })
  const read = new Map<number, RecognizedPage>()
  for (const number of bare) {
    const page = await document.getPage(number).catch(refuse)
    const natural = page.getViewport({ scale: 1 })
    const wanted = pictureSide / Math.max(natural.width, natural.height)
    const size = blankCanvas(natural.width * wanted, natural.height * wanted)
    const viewport = page.getViewport({ scale: wanted * size.scale })
    const { canvas, context } = size
    await page.render({ canvas, canvasContext: context, viewport } as never).promise.catch(refuse)
    page.cleanup()
    const picture = pictureOf(canvas)
    if (!picture) continue
    const recognized = await recognize(picture, { page: number, pages: document.numPages })
    const own = length(pages[number - 1]!)
    if (recognized.lines.reduce((sum, { text }) => sum + text.length, 0) > own)
      read.set(number, recognized)
  }
  return read
}

function refuse(cause: unknown): never {
  const name = cause instanceof Error ? cause.name : ''
  throw new SiloError(name === 'PasswordException' ? 'file_encrypted' : 'file_damaged', { cause })
}

function linesOf(items: readonly object[]): Line[] {
  const lines: Line[] = []
  let line: Line | undefined
  for (const item of items) {
    if (!('str' in item) || typeof item.str !== 'string') continue
    const { str, height, transform, hasEOL } = item as { str: string; height: number; transform: number[]; hasEOL: boolean } // prettier-ignore
    line ??= { text: '', height: 0, y: transform[5] ?? 0 }
    line.text += plainHan(str)
    if (str.trim()) line.height = Math.max(line.height, height)
    if (!hasEOL) continue
    if (line.text.trim()) lines.push(line)
    line = undefined
  }
  if (line?.text.trim()) lines.push(line)
  return lines
}

const radicals =
  '⺟母⺠民⻁虎⻄西⻅见⻆角⻉贝⻋车⻓长⻔门⻘青⻚页⻛风⻜飞⻝食⻢马⻣骨⻤鬼⻥鱼⻦鸟⻨麦⻩黄⻬齐⻮齿⻰龙⻳龟'
const fullForm = new Map(
  [...radicals].flatMap((char, index, all) => (index % 2 ? [] : [[char, all[index + 1]!]])),
)

/** Printers of some programs map common characters to look-alike radicals, which no query would find. */
function plainHan(text: string): string {
  return text.replace(/[\u2e80-\u2fdf]/g, (char) => fullForm.get(char) ?? char.normalize('NFKC'))
}

/** The height in which most characters are set. */
function bodyHeight(pages: readonly Line[][]): number {
  const weight = new Map<number, number>()
  for (const line of pages.flat()) {
    const height = Math.round(line.height * 2) / 2
    weight.set(height, (weight.get(height) ?? 0) + line.text.length)
  }
  return [...weight].reduce((best, next) => (next[1] > best[1] ? next : best), [0, 0])[0]
}

function addPage(builder: TextBuilder, lines: readonly Line[], body: number): void {
  let paragraph = ''
  let before: Line | undefined
  for (const line of lines) {
    const level = headingLevel(line, body)
    const gap = before ? Math.abs(before.y - line.y) : 0
    const parted = before && (gap > 1.9 * Math.max(body, 1) || headingLevel(before, body) !== level)
    if (parted || level > 0) {
      builder.paragraph(paragraph)
      paragraph = ''
    }
    if (level > 0) builder.heading(level, line.text)
    else paragraph = paragraph ? `${paragraph}\n${line.text.trim()}` : line.text.trim()
    before = line
  }
  builder.paragraph(paragraph)
}

function headingLevel(line: Line, body: number): number {
  if (body <= 0 || line.text.length > 120 || /[.;,。；，]$/.test(line.text.trim())) return 0
  const ratio = line.height / body
  if (ratio >= 1.6) return 1
  if (ratio >= 1.3) return 2
  return ratio >= 1.12 ? 3 : 0
}
