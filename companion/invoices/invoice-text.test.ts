import { describe, expect, test } from 'vitest'
import { invoiceLikeness, isoDate, readInvoice } from './invoice-text.ts'

describe('reading an invoice', () => {
  test('a Chinese VAT invoice', () => {
    const read = readInvoice('增值税普通发票\n发票号码：20260007\n开票日期：2026年10月03日\n销售方：华东电力有限公司\n购买方：河谷工作室\n不含税金额 1,132.74\n税额 147.26\n价税合计 ¥1,280.00') // prettier-ignore
    expect(read).toMatchObject({ number: '20260007', currency: 'CNY', date: { value: '2026-10-03' }, amount: { value: '1280.00' }, company: { value: '华东电力有限公司' } }) // prettier-ignore
    expect(read.likeness).toBeGreaterThan(0.9)
    expect(read.amount!.confidence).toBeGreaterThan(0.95)
  })

  test('an English one with a letterhead, a due date and European numbers', () => {
    const read = readInvoice('Acme GmbH\nINVOICE\nInvoice No. 4101\nInvoice date: 3 October 2026\nDue date: 2026-11-02\nBill to: Valley Studio Ltd\nNet 1.132,74\nVAT 147,26\nTotal due EUR 1.280,00') // prettier-ignore
    expect(read).toMatchObject({ number: '4101', currency: 'EUR', date: { value: '2026-10-03' }, amount: { value: '1280.00' }, company: { value: 'Acme GmbH' } }) // prettier-ignore
  })

  test('the buyer is never the company', () => {
    const read = readInvoice('INVOICE\nBill to: Valley Studio Ltd\nFrom: Harbour Paper Ltd\nInvoice # A-17\nDate: 10/23/2026\nTotal $96.00') // prettier-ignore
    expect(read).toMatchObject({ company: { value: 'Harbour Paper Ltd' }, date: { value: '2026-10-23' }, amount: { value: '96.00' } }) // prettier-ignore
  })

  test('a letter, a receipt and nothing are no invoices', () => {
    for (const text of [
      'Harbour Paper Ltd\n2026-10-03\nDear all, the office is closed next Monday.',
      'Receipt\n2026-10-03\nCoffee 3.20',
      '',
    ])
      // prettier-ignore
      expect(readInvoice(text).likeness).toBeLessThan(invoiceLikeness)
  })

  test('what was seen in a picture is less certain', () => {
    const text = '发票\n开票日期：2026-10-03\n价税合计 ¥12.00'
    expect(readInvoice(text, 0.8).date!.confidence).toBeLessThan(readInvoice(text).date!.confidence)
  })

  test.each([
    ['2026-1-5', '2026-01-05'],
    ['2026年1月5日', '2026-01-05'],
    ['Oct 3, 2026', '2026-10-03'],
    ['3rd October 2026', '2026-10-03'],
    ['03.10.2026', '2026-10-03'],
    ['10/23/2026', '2026-10-23'],
    ['2026-02-31', undefined],
    ['no date', undefined],
  ])('the date in %s', (text, value) => expect(isoDate(text)).toBe(value))
})
