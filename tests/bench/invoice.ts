import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { chromium } from 'playwright'
import { textOf } from '#companion/compose/document-tools.ts'
import { composeReader } from '#companion/compose/reader.ts'
import { invoiceLikeness, readInvoice, type Invoice } from '#companion/invoices/invoice-text.ts'
import { picturedTrust } from '#companion/tools/documents/read-invoices.ts'
import { silentLog } from '#companion/observe/log.ts'
import { launchOptions } from '#tests/e2e/browser.ts'
import { invoiceFacts, type InvoiceFacts } from '#tests/invoices/facts.ts'
import { heldOutLayouts } from '#tests/invoices/held-out-layouts.ts'
import { knownLayouts } from '#tests/invoices/layouts.ts'
import { scanned } from '#tests/invoices/scan.ts'

/** Fields of 100 that must be right: text layer, scans; fields that are wrong and yet called sure. */
const goals = { text: 98, scans: 93, confidentlyWrong: 1 }
/** From this confidence on a row is shown as sure (web/features/agent/review-rows.ts). */
const sureFrom = 0.8
const fields = ['date', 'amount', 'company'] as const

interface Tally {
  right: number
  all: number
  sureAndWrong: number
}

/**
 * Invoices of many layouts in Chinese and English, printed by a browser with real fonts, each once with letters and once
 * as a noisy scan, read as the agent reads them. Layouts marked as held out were not looked at while the reader was written.
 */
export async function run({ quick }: { quick: boolean }) {
  const seeds = quick ? [1] : [1, 2]
  const folder = mkdtempSync(join(tmpdir(), 'silo-invoices-'))
  const reader = composeReader(silentLog, undefined)
  const browser = await chromium.launch(launchOptions)
  const tallies = { text: tally(), scans: tally(), heldOutText: tally(), heldOutScans: tally() }
  let invoices = 0
  let taken = 0
  let seconds = 0
  try {
    const page = await browser.newPage({ viewport: { width: 794, height: 1123 }, deviceScaleFactor: 1.6 }) // prettier-ignore
    for (const [index, layout] of [...knownLayouts, ...heldOutLayouts].entries()) {
      const isHeldOut = heldOutLayouts.includes(layout)
      // Quick: some of the layouts that were looked at and all others, every other one as a scan.
      if (quick && !isHeldOut && index % 3 !== 0) continue
      for (const seed of seeds) {
        const facts = invoiceFacts(layout.language, seed * 100 + index, isHeldOut)
        await page.setContent(layout.html(facts))
        const kinds = quick ? [index % 2 === 0 ? 'text' : 'scans'] as const : (['text', 'scans'] as const) // prettier-ignore
        for (const kind of kinds) {
          const path = join(folder, `${layout.id}-${seed}-${kind}.pdf`)
          const bytes = kind === 'text' ? await page.pdf({ format: 'A4' }) : await scanned(await page.screenshot({ type: 'png' }), seed * 31 + index) // prettier-ignore
          writeFileSync(path, bytes)
          const started = performance.now()
          const { text, pictured, uncertain } = await textOf(reader, path, AbortSignal.timeout(120_000)) // prettier-ignore
          const read = readInvoice(text, pictured ? picturedTrust : 1, uncertain)
          seconds += (performance.now() - started) / 1000
          invoices++
          if (read.likeness >= invoiceLikeness) taken++
          for (const into of [tallies[kind], ...(isHeldOut ? [kind === 'text' ? tallies.heldOutText : tallies.heldOutScans] : [])]) // prettier-ignore
            count(into, facts, read, into === tallies[kind] ? `${layout.id}-${seed} ${kind}` : undefined) // prettier-ignore
          if (process.env.SILO_BENCH_TEXT && misses(facts, read)) console.log(text)
        }
      }
    }
  } finally {
    await browser.close()
    await reader[Symbol.asyncDispose]()
    rmSync(folder, { recursive: true, force: true })
  }
  const text = percent(tallies.text)
  const scans = percent(tallies.scans)
  const all = tallies.text.all + tallies.scans.all
  const wrong = tallies.text.sureAndWrong + tallies.scans.sureAndWrong
  const confidentlyWrong = Math.round((wrong / all) * 1000) / 10
  return {
    bench: 'invoice',
    value: text,
    goal: goals.text,
    ok: text >= goals.text && scans >= goals.scans && confidentlyWrong <= goals.confidentlyWrong,
    scans,
    confidentlyWrong,
    heldOut: { text: percent(tallies.heldOutText), scans: percent(tallies.heldOutScans) },
    invoices,
    takenForInvoices: Math.round((taken / invoices) * 1000) / 10,
    unit: '% of fields right',
    secondsEach: Math.round((seconds / invoices) * 100) / 100,
  }
}

function tally(): Tally {
  return { right: 0, all: 0, sureAndWrong: 0 }
}

function percent({ right, all }: Tally): number {
  return all === 0 ? 100 : Math.round((right / all) * 1000) / 10
}

function count(into: Tally, facts: InvoiceFacts, read: Invoice, name?: string): void {
  for (const field of fields) {
    const found = read[field]
    const isRight = found !== undefined && same(found.value, wanted(facts, field))
    into.all++
    if (isRight) into.right++
    else if (found && found.confidence >= sureFrom) into.sureAndWrong++
    if (!isRight && name) console.log(`${name}: ${field} “${found?.value ?? '—'}” (${found?.confidence ?? 0}), not “${wanted(facts, field)}”`) // prettier-ignore
  }
}

function misses(facts: InvoiceFacts, read: Invoice): boolean {
  return fields.some((field) => !same(read[field]?.value ?? '', wanted(facts, field)))
}

function wanted(facts: InvoiceFacts, field: (typeof fields)[number]): string {
  if (field === 'date') return facts.date
  return field === 'amount' ? facts.total.toFixed(2) : facts.seller
}

/** Spaces, the case of letters and the form of an apostrophe are no difference. */
function same(a: string, b: string): boolean {
  return plain(a) === plain(b)
}

function plain(text: string): string {
  return text.normalize('NFKC').replace(/\s+/g, '').replaceAll('’', "'").toLowerCase()
}
