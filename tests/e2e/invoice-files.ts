import { utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Browser } from '@playwright/test'
import { imagePdf } from '#tests/documents/pdf.ts'

export interface LaidInvoice {
  readonly file: string
  /** `2026-10-03`. */
  readonly date: string
  /** `1280.00`. */
  readonly amount: string
  readonly company: string
  readonly scanned: boolean
}

const companies = [
  { name: '华东电力有限公司', zh: true },
  { name: '远洋律师事务所', zh: true },
  { name: '顺丰速运有限公司', zh: true },
  { name: 'Acme GmbH', zh: false },
  { name: 'Nordlicht Energy AG', zh: false },
  { name: 'Harbour Paper Ltd', zh: false },
]

/**
 * Thirty PDFs as a folder of downloads has them: 24 invoices of the month before `now` (6 of them scans, without letters),
 * 3 invoices of earlier months, 3 papers that are none. Printed by the browser with the fonts of this computer.
 * @returns the invoices of the month before
 */
export async function layInvoices(
  browser: Browser,
  folder: string,
  now: Date,
): Promise<LaidInvoice[]> {
  const context = await browser.newContext({ viewport: { width: 794, height: 1123 } })
  const page = await context.newPage()
  const wanted: LaidInvoice[] = []
  for (let index = 0; index < 30; index++) {
    const { name, zh } = companies[index % companies.length]!
    const back = index < 24 ? 1 : index - 21
    const day = new Date(Date.UTC(now.getFullYear(), now.getMonth() - back, 1 + ((index * 5) % 27)))
    const date = day.toISOString().slice(0, 10)
    const amount = (96 + index * 118.37).toFixed(2)
    const scanned = index % 4 === 3 && index < 24
    const file = scanned ? `scan_${1000 + index}.pdf` : zh ? `下载(${index}).pdf` : `document-${index}.pdf` // prettier-ignore
    await page.setContent(
      index < 27 ? invoice({ name, zh, date, amount, number: index }) : letter(name, date),
    )
    const bytes = scanned
      ? imagePdf([{ width: 794, height: 1123, jpeg: await page.screenshot({ type: 'jpeg', quality: 80 }) }]) // prettier-ignore
      : await page.pdf({ format: 'A4' })
    writeFileSync(join(folder, file), bytes)
    // As if downloaded the day after.
    utimesSync(join(folder, file), day, new Date(day.getTime() + 86_400_000))
    if (index < 24) wanted.push({ file, date, amount, company: name, scanned })
  }
  await context.close()
  return wanted
}

interface Printed {
  readonly name: string
  readonly zh: boolean
  readonly date: string
  readonly amount: string
  readonly number: number
}

function invoice({ name, zh, date, amount, number }: Printed): string {
  const net = (Number(amount) / 1.13).toFixed(2)
  const tax = (Number(amount) - Number(net)).toFixed(2)
  const rows = zh
    ? [['不含税金额', net], ['税额', tax], ['价税合计', `¥${amount}`]] // prettier-ignore
    : [['Net', net], ['VAT', tax], ['Total', `EUR ${amount}`]] // prettier-ignore
  const head = zh
    ? `<h1>增值税普通发票</h1><p>发票号码：${20_260_000 + number}</p><p>开票日期：${date}</p><p>销售方：${name}</p><p>购买方：河谷工作室</p>`
    : `<h2>${name}</h2><h1>INVOICE</h1><p>Invoice No. ${4100 + number}</p><p>Invoice date: ${date}</p><p>Bill to: Valley Studio</p>`
  return document(head + rows.map(([what, sum]) => `<p class="row"><span>${what}</span><b>${sum}</b></p>`).join('')) // prettier-ignore
}

function letter(name: string, date: string): string {
  return document(`<h2>${name}</h2><p>${date}</p><p>Dear all, the office is closed next Monday. The keys are with the neighbours.</p>`) // prettier-ignore
}

function document(body: string): string {
  return `<!doctype html><meta charset="utf-8"><style>body{font:20px/1.7 sans-serif;padding:60px}.row{display:flex;justify-content:space-between;border-top:1px solid #999}</style>${body}`
}
