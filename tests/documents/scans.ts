import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createCanvas, loadImage, type Canvas } from '@napi-rs/canvas'
import type { Picture, RecognizedLine } from '#shared/contracts/text-recognizer.ts'

const font = (size: number): string =>
  `${size}px "Noto Serif CJK SC", "Noto Sans CJK SC", "DejaVu Sans", sans-serif`

export interface Cell {
  readonly text: string
  readonly x: number
  readonly y: number
  readonly size?: number
  readonly align?: 'left' | 'right'
}

export interface ScanLook {
  /** Degrees. */
  readonly slope?: number
  /** 0 … 1: grain of the paper. */
  readonly noise?: number
  readonly width?: number
  readonly height?: number
}

/** A page as a scanner sees it: a little askew, with grain. */
export function scan(cells: readonly Cell[], look: ScanLook = {}): Canvas {
  const { width = 1240, height = 900, slope = 0, noise = 0 } = look
  const canvas = createCanvas(width, height)
  const context = canvas.getContext('2d')
  context.fillStyle = '#fbfaf6'
  context.fillRect(0, 0, width, height)
  context.save()
  context.translate(width / 2, height / 2)
  context.rotate((slope * Math.PI) / 180)
  context.translate(-width / 2, -height / 2)
  context.fillStyle = '#1c1c22'
  for (const { text, x, y, size = 26, align = 'left' } of cells) {
    context.font = font(size)
    context.textAlign = align
    context.fillText(text, x, y)
  }
  context.restore()
  if (noise > 0) grain(canvas, noise)
  return canvas
}

function grain(canvas: Canvas, noise: number): void {
  const context = canvas.getContext('2d')
  const image = context.getImageData(0, 0, canvas.width, canvas.height)
  let state = 7
  for (let at = 0; at < image.data.length; at += 4) {
    state = (state * 16_807) % 2_147_483_647
    const shift = (state / 2_147_483_647 - 0.5) * 120 * noise
    for (let channel = 0; channel < 3; channel++) image.data[at + channel]! += shift
  }
  context.putImageData(image, 0, 0)
}

/** Shades of grey, as recognisers want them. */
export function picture(canvas: Canvas): Picture {
  const { width, height } = canvas
  const { data } = canvas.getContext('2d').getImageData(0, 0, width, height)
  const gray = new Uint8Array(width * height)
  for (let at = 0; at < gray.length; at++)
    gray[at] = Math.round(
      0.299 * data[at * 4]! + 0.587 * data[at * 4 + 1]! + 0.114 * data[at * 4 + 2]!,
    )
  return { width, height, gray }
}

interface InvoiceTexts {
  readonly head: readonly string[]
  readonly columns: readonly string[]
  readonly items: readonly (readonly [string, number, number])[]
  readonly totals: readonly [net: string, tax: string, gross: string]
  readonly taxRate: number
  readonly foot: readonly string[]
}

export const invoices = {
  en: {
    head: [
      'Kranich Pumps Ltd',
      'Invoice RE-2026-0417',
      'Date: 12 March 2026',
      'Customer: Silo Works, Bremen',
    ],
    columns: ['Item', 'Quantity', 'Unit price', 'Amount'],
    items: [
      ['Feed pump FM-7', 6, 1380.5],
      ['Seal kit, Viton', 24, 18.75],
      ['Pressure gauge 16 bar', 13, 61.2],
      ['Commissioning on site', 2, 940],
    ],
    totals: ['Net total', 'VAT 19%', 'Total due'],
    taxRate: 0.19,
    foot: [
      'Payable within 30 days, less 2% within 10 days.',
      'Account DE02 1203 0000 0000 2020 51',
    ],
  },
  zh: {
    head: [
      '苏州启明机械有限公司',
      '销售发票 编号 FP-20260318',
      '开票日期：2026年3月18日',
      '客户：远山精密仪器有限公司',
    ],
    columns: ['品名', '数量', '单价', '金额'],
    items: [
      ['不锈钢进料泵', 6, 4180.5],
      ['密封件套装', 36, 96.8],
      ['压力表', 15, 218],
      ['现场调试服务', 3, 1750],
    ],
    totals: ['合计金额', '税额 13%', '价税合计'],
    taxRate: 0.13,
    foot: [
      '付款期限：收货后三十天内付清全部货款。',
      '开户行：江南银行园区支行 6222 0210 0118 3306',
    ],
  },
} satisfies Record<string, InvoiceTexts>

export const money = (value: number): string =>
  value.toLocaleString('en-US', { minimumFractionDigits: 2, maximumFractionDigits: 2 })

/** All figures of an invoice that belong together, as printed. */
export function figures(language: keyof typeof invoices): { rows: string[][]; totals: string[] } {
  const { items, taxRate } = invoices[language] as InvoiceTexts
  const net = items.reduce(
    (sum, [, count, price]) => sum + Math.round(count * price * 100) / 100,
    0,
  )
  const tax = Math.round(net * taxRate * 100) / 100
  return {
    rows: items.map(([, count, price]) => [`${count}`, money(price), money(count * price)]),
    totals: [net, tax, net + tax].map(money),
  }
}

/** An invoice as it comes out of a scanner. */
export function invoiceScan(language: keyof typeof invoices, look: ScanLook = {}): Canvas {
  const { head, columns, items, totals, foot } = invoices[language] as InvoiceTexts
  const { rows, totals: sums } = figures(language)
  const edges = [80, 720, 940, 1160]
  const row = (texts: readonly string[], y: number): Cell[] =>
    texts.map((text, index) => ({
      text,
      x: edges[index]!,
      y,
      align: index === 0 ? 'left' : 'right',
    }))
  return scan(
    [
      ...head.map((text, index): Cell => ({
        text,
        x: 80,
        y: 80 + index * 46,
        size: index === 0 ? 40 : 26,
      })),
      ...row(columns, 330),
      ...items.flatMap(([name], index) => row([name, ...rows[index]!], 390 + index * 50)),
      ...totals.flatMap((name, index): Cell[] => [
        { text: name, x: 720, y: 620 + index * 48, align: 'right' },
        { text: sums[index]!, x: 1160, y: 620 + index * 48, align: 'right' },
      ]),
      ...foot.map((text, index): Cell => ({ text, x: 80, y: 800 + index * 46 })),
    ],
    look,
  )
}

/** The cells of an invoice, as `invoiceScan` draws them. */
export function invoiceWords(language: keyof typeof invoices): string[] {
  const { head, columns, items, totals, foot } = invoices[language] as InvoiceTexts
  return [...head, ...columns, ...items.map(([name]) => name), ...totals, ...foot]
}

const folder = fileURLToPath(new URL('../fixtures/scans/', import.meta.url))

/** An invoice of tests/fixtures/scans and the words on it. */
export async function loadScan(
  language: keyof typeof invoices,
): Promise<{ picture: Picture; words: string[] }> {
  // prettier-ignore
  const image = await loadImage(join(folder, `invoice-${language}.webp`))
  const canvas = createCanvas(image.width, image.height)
  canvas.getContext('2d').drawImage(image, 0, 0)
  return { picture: picture(canvas), words: invoiceWords(language) }
}

export function blankPicture(width: number, height: number): Picture {
  return { width, height, gray: new Uint8Array(width * height).fill(250) }
}

/** What a perfect recogniser reads on the scans of the fixtures, which it tells by their height. */
export function knownLines({ gray, height }: Picture): RecognizedLine[] {
  if (gray.every((value) => value === gray[0])) return []
  const language = height === 900 ? 'en' : 'zh'
  const { rows, totals } = figures(language)
  const words = invoiceWords(language)
  const texts = [...words.slice(0, -1), ...rows.flat(), ...totals, words.at(-1)!]
  return texts.map((text, index) => ({
    text,
    region: { x: 80, y: 20 + index * 24, width: 400, height: 20 },
    certainty: 1,
  }))
}
