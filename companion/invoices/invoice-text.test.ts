import { describe, expect, test } from 'vitest'
import { isoDate } from './invoice-date.ts'
import { invoiceLikeness, readInvoice } from './invoice-text.ts'

const total = (words: string, certain?: number) => readInvoice(`发票\n价税合计（大写） ${words} （小写）¥8813.82`, certain).amount! // prettier-ignore
const dated = (date: string) => readInvoice(`Invoice\nInvoice date: ${date}`).date!.confidence

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

  test.each([
    [
      '收 据\nNo. 4921192\n日期：2026年10月23日\n今收到 晨光设计有限公司\n金额（小写） ¥12.00\n收款单位（盖章）：远洋律师事务所 经手人：刘洋',
      '远洋律师事务所',
    ],
    [
      '电子发票\n购\n买\n方\n\n名称：晨光设计有限公司\n\n销\n售\n方\n\n名称：华东电力有限公司',
      '华东电力有限公司',
    ],
    [
      '电子发票\n购 | 名称：晨光设计有限公司 | 销 | 名称：华东电力有限公司\n买 | 售\n方 | 方',
      '华东电力有限公司',
    ],
    ['电子收据\n付款人 | 河谷工作室有限公司 | 收款人 | 杭州西湖茶叶商店', '杭州西湖茶叶商店'],
    ['发票\n销售方：华东电力有限公司\n收款人：李娜', '华东电力有限公司'],
    ['收款单位：成都天府国际旅行社有限责\n任公司', '成都天府国际旅行社有限责任公司'],
    [
      '发票\n客\u2f3e：河谷工作室有限公司\n开票单位：远洋律师事务所 发票编号：12345',
      '远洋律师事务所',
    ],
    ['Invoice | Old Mill Bakery LLC\nCustomer: Meyer Design GmbH', 'Old Mill Bakery LLC'],
    [
      'O’Brien Plumbing Services\nMeyer Design GmbH, Gartenweg 3\nRechnung Nr. 12',
      'O’Brien Plumbing Services',
    ],
  ])('who wrote %j', (text, company) => expect(readInvoice(text).company?.value).toBe(company))

  test('a total that its words contradict, or nothing confirms in a picture, is not sure', () => {
    expect(total('捌仟捌佰壹拾叁圆捌角贰分', 0.95)).toMatchObject({ value: '8813.82' })
    expect(total('捌仟捌佰壹拾叁圆捌角贰分', 0.95).confidence).toBeGreaterThan(0.9)
    expect(total('捌仟捌佰壹拾伍圆捌角贰分').confidence).toBeLessThan(0.8)
    expect(total('', 0.95).confidence).toBeLessThan(0.8)
  })

  test('what the recognisers doubted is doubted', () => {
    const text = 'Harbour Paper Ltd\nInvoice no. 17\nInvoice date: 2026-10-03\nTotal due £12.00'
    const doubts = [{ start: text.indexOf('Invoice date'), end: text.indexOf('\nTotal') }]
    expect(readInvoice(text, 0.95, doubts).date!.confidence).toBeLessThan(0.8)
    expect(readInvoice(text, 0.95).date!.confidence).toBeGreaterThan(0.8)
  })

  test('a day that may be a month is not sure', () => {
    expect(dated('03/04/2026')).toBeLessThan(0.8)
    expect(dated('03.04.2026')).toBeGreaterThan(0.9)
    expect(dated('23/04/2026')).toBeGreaterThan(0.9)
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
