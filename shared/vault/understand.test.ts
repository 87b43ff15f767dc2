import { describe, expect, it } from 'vitest'
import { understandQuery } from './understand.ts'

// A Wednesday.
const now = new Date(2026, 3, 15, 10, 30)
const owners = [
  { id: 'peer-b', name: 'B' },
  { id: 'peer-anna', name: "Anna's laptop" },
  { id: 'peer-zhang', name: '张伟的电脑' },
]
const day = (year: number, month: number, date: number): number =>
  new Date(year, month - 1, date).getTime()
const read = (query: string, ignore: string[] = []) => {
  const { text, understood } = understandQuery(query, { now, owners, ignore })
  return {
    text,
    filters: Object.assign({}, ...understood.map((part) => part.filters)) as object,
    use: understood.map((part) => part.use),
    understood,
  }
}

describe('understandQuery', () => {
  const times: [query: string, since: number | undefined, until: number | undefined][] = [
    ['contract from last week', day(2026, 4, 6), day(2026, 4, 13)],
    ['what did we decide yesterday', day(2026, 4, 14), day(2026, 4, 15)],
    ['invoices from March', day(2026, 3, 1), day(2026, 4, 1)],
    ['invoices from May', day(2025, 5, 1), day(2025, 6, 1)],
    ['report of June 2024', day(2024, 6, 1), day(2024, 7, 1)],
    ['minutes dated March 12, 2026', day(2026, 3, 12), day(2026, 3, 13)],
    ['minutes of 12 March 2026', day(2026, 3, 12), day(2026, 3, 13)],
    ['the notes of 2026-03-12', day(2026, 3, 12), day(2026, 3, 13)],
    ['emails from the last 3 days', day(2026, 4, 12), day(2026, 4, 16)],
    ['reports in the past two months', day(2026, 2, 15), day(2026, 4, 16)],
    ['contracts two weeks ago', day(2026, 3, 30), day(2026, 4, 6)],
    ['orders since February', day(2026, 2, 1), undefined],
    ['orders before 2025', undefined, day(2025, 1, 1)],
    ['sales between January and March 2026', day(2026, 1, 1), day(2026, 4, 1)],
    ['sales from November to February', day(2025, 11, 1), day(2026, 3, 1)],
    ['Q1 2026 report', day(2026, 1, 1), day(2026, 4, 1)],
    ['what happened last Friday', day(2026, 4, 10), day(2026, 4, 11)],
    ['上周的合同', day(2026, 4, 6), day(2026, 4, 13)],
    ['昨天的会议纪要', day(2026, 4, 14), day(2026, 4, 15)],
    ['前天收到的发票', day(2026, 4, 13), day(2026, 4, 14)],
    ['上个月的报告', day(2026, 3, 1), day(2026, 4, 1)],
    ['2025年的采购合同', day(2025, 1, 1), day(2026, 1, 1)],
    ['2025年3月12日的纪要', day(2025, 3, 12), day(2025, 3, 13)],
    ['三月份的发票', day(2026, 3, 1), day(2026, 4, 1)],
    ['去年十二月的报告', day(2025, 12, 1), day(2026, 1, 1)],
    ['最近三天的邮件', day(2026, 4, 12), day(2026, 4, 16)],
    ['近半年的报告', day(2025, 10, 15), day(2026, 4, 16)],
    ['两周前的邮件', day(2026, 3, 30), day(2026, 4, 6)],
    ['上周五的纪要', day(2026, 4, 10), day(2026, 4, 11)],
    ['2024年以来的报告', day(2024, 1, 1), undefined],
    ['一季度的销售报告', day(2026, 1, 1), day(2026, 4, 1)],
    ['1月到3月的发票', day(2026, 1, 1), day(2026, 4, 1)],
  ]
  it.each(times)('reads the time of "%s"', (query, since, until) => {
    expect(read(query).filters).toMatchObject({
      ...(since === undefined ? {} : { since }),
      ...(until === undefined ? {} : { until }),
    })
    expect(read(query).understood.filter(({ kind }) => kind === 'time')).toHaveLength(1)
  })

  it('reads time, owner and the rest together', () => {
    for (const query of ["last week's contract from B", "B's contract from last week"])
      expect(read(query)).toMatchObject({
        text: 'contract',
        filters: { since: day(2026, 4, 6), until: day(2026, 4, 13), owners: ['peer-b'] },
        use: ['only', 'only'],
      })
    for (const query of ['给我B上周的合同', 'B上周的合同', '上周来自B的合同'])
      expect(read(query), query).toMatchObject({
        text: '合同',
        filters: { since: day(2026, 4, 6), until: day(2026, 4, 13), owners: ['peer-b'] },
      })
  })

  it('knows owners by the name of their device and of the person', () => {
    for (const query of [
      'the lease from Anna',
      "Anna's lease",
      'the lease on Anna’s laptop',
      'lease from anna',
    ])
      expect(read(query).filters, query).toEqual({ owners: ['peer-anna'] })
    for (const query of [
      '张伟的租赁合同',
      '来自张伟的租赁合同',
      '张伟那里的租赁合同',
      '张伟的电脑里的合同',
    ])
      expect(read(query).filters, query).toEqual({ owners: ['peer-zhang'] })
    expect(read('张伟的租赁合同').text).toBe('租赁合同')
  })

  it('reads kinds and types where they are the thing wanted', () => {
    expect(read('PDF about the boiler')).toMatchObject({
      text: 'the boiler',
      filters: { types: ['pdf'] },
    })
    expect(read('slides about pricing').filters).toEqual({ kinds: ['slides'] })
    expect(read('the email where Kim asks for a refund').filters).toEqual({ kinds: ['mail'] })
    expect(read('photo of the broken valve').filters).toEqual({ kinds: ['image'] })
    expect(read('how is tax rounded in the code?').filters).toEqual({ kinds: ['code'] })
    expect(read('关于退款的邮件')).toMatchObject({ filters: { kinds: ['mail'] } })
    expect(read('幻灯片里的价格是多少')).toMatchObject({ filters: { kinds: ['slides'] } })
    expect(read('哪张照片有阀门').filters).toEqual({ kinds: ['image'] })
    expect(read("last week's emails").filters).toMatchObject({ kinds: ['mail'] })
  })

  it('takes nothing for a filter that is part of the question', () => {
    const plain = [
      'How do I set up email on the phone?',
      'What is the dress code?',
      'What may I take home?',
      'How long does the march to the summit take?',
      'What is the rent of the warehouse?',
      'Where is plan B described?',
      'vitamin B dosage',
      '员工每年有几天年假？',
      '如何配置电子邮件服务器',
      '保密期限是几年？',
      '押金是几个月租金？',
      '试用期三个月怎么算',
      'INV-2026-0417 total',
      'a delivery note template',
    ]
    for (const query of plain)
      expect(read(query), query).toMatchObject({ text: query, understood: [] })
  })

  it('lets a time of the calendar weigh, and one beside a document decide', () => {
    expect(read('What was the revenue in 2025?')).toMatchObject({ use: ['first'] })
    expect(read('What was the revenue in 2025?').text).toBe('What was the revenue in 2025?')
    expect(read('contracts from 2025')).toMatchObject({ use: ['only'], text: 'contracts' })
    expect(read('the notice period since 2020')).toMatchObject({ use: ['only'], text: 'the notice period' }) // prettier-ignore
    expect(read('2025年的合同')).toMatchObject({ use: ['only'], text: '合同' })
    expect(read('2025年的销售额是多少')).toMatchObject({ use: ['first'] })
  })

  it('gives back as words what was taken away', () => {
    const { understood } = read("last week's contract from B")
    const ids = understood.map(({ id }) => id)
    const again = read("last week's contract from B", [ids[0]!])
    expect(again).toMatchObject({ text: "last week's contract", filters: { owners: ['peer-b'] } })
    expect(again.understood).toHaveLength(1)
    const none = read("last week's contract from B", ids)
    expect(none).toMatchObject({ text: "last week's contract from B", understood: [] })
  })

  it('keeps the whole query where nothing else would be left', () => {
    expect(read('from B')).toMatchObject({ text: 'from B', filters: { owners: ['peer-b'] } })
    expect(read('上周')).toMatchObject({ text: '上周' })
  })

  it('bears anything as a query or a name', () => {
    const odd = [
      '',
      ' ',
      "'s",
      '的',
      '(',
      '[a-',
      '\uFFFC',
      '9999年99月99日',
      '\\',
      '2026-99-99',
      '𠮷'.repeat(500),
    ]
    for (const query of odd)
      for (const name of ['', '(', '[', 'a|b', '的', "'s x"])
        expect(understandQuery(query, { now, owners: [{ id: 'x', name }] }).text).toBe(query)
  })
})
