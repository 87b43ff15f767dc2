import { textPdf } from '#tests/documents/text-pdf.ts'

/** One instruction, the folder it is given in, and what the folder must hold in the end. */
export interface FileTask {
  readonly id: string
  readonly language: 'zh' | 'en'
  /** What kind of work it is: the skill that suits it, or `free`. */
  readonly kind: string
  /** Paths below the root, and what they hold. */
  readonly files: Readonly<Record<string, string | Uint8Array>>
  goal(root: string): string
  /** All paths in the end; a text here must be in that file. `*` as a name: any new name with that ending. */
  readonly wanted: Readonly<Record<string, string | undefined>>
  /** Must be in the answer. */
  readonly answer?: RegExp
}

interface Paper {
  readonly file: string
  readonly date: string
  readonly amount: string
  readonly company: string
}

const papers: readonly Paper[] = [
  { file: 'doc(1).pdf', date: '2026-03-12', amount: '1280.50', company: 'Acme GmbH' },
  { file: 'scan17.pdf', date: '2026-03-20', amount: '99.00', company: 'Harbour Paper Ltd' },
  { file: 'download.pdf', date: '2026-04-02', amount: '310.75', company: 'Nordlicht Energy AG' },
]
const invoice = ({ date, amount, company }: Paper): Uint8Array =>
  textPdf([company, 'INVOICE', 'Invoice No. 4711', `Invoice date: ${date}`, 'Bill to: Valley Studio', `Net EUR ${(Number(amount) - 10).toFixed(2)}`, 'Tax EUR 10.00', `Total due EUR ${amount}`]) // prettier-ignore
const letter = textPdf([
  'Harbour Office',
  'Dear all, the office is closed next Monday.',
  'Regards, Ben',
])
const invoices = { ...Object.fromEntries(papers.map((paper) => [`in/${paper.file}`, invoice(paper)])), 'in/letter.pdf': letter } // prettier-ignore
const minutes = 'Minutes of the meeting of 12 March 2026.\n\nWe met about the fence of the school garden. The posts are rotten; two carpenters are asked for a price.\n' // prettier-ignore
const recipe = 'Recipe for tomato soup.\n\nFry an onion, add a kilogram of tomatoes, and let it cook for an hour.\n' // prettier-ignore
const code = { 'shop/order.js': '/** Adds up the prices of an order. */\nexport function orderTotal(items) {\n  return items.reduce((sum, item) => sum + item.price * item.count, 0)\n}\n', 'shop/mail.js': '/** Sends the confirmation. */\nexport function sendMail(to) {\n  return to.length > 0\n}\n' } // prettier-ignore

type Said = readonly [en: (root: string) => string, zh: (root: string) => string]

/** The same task in both languages. */
function both(
  id: string,
  task: Omit<FileTask, 'id' | 'language' | 'goal'>,
  said: Said,
): FileTask[] {
  return (['en', 'zh'] as const).map((language, index) => ({
    ...task,
    id: `${id}-${language}`,
    language,
    goal: said[index]!,
  }))
}

const all = (files: Readonly<Record<string, unknown>>): Record<string, undefined> =>
  Object.fromEntries(Object.keys(files).map((path) => [path, undefined]))
const filed = (chosen: readonly Paper[], name: (paper: Paper) => string, to: string) => ({
  ...all(invoices),
  ...Object.fromEntries(chosen.map(({ file }) => [`in/${file}`, undefined])),
  ...Object.fromEntries(chosen.map((paper) => [`${to}/${name(paper)}.pdf`, undefined])),
})
const without = (wanted: Record<string, string | undefined>, gone: readonly string[]) =>
  Object.fromEntries(Object.entries(wanted).filter(([path]) => !gone.includes(path)))
const fileInvoices = (chosen: readonly Paper[], name: (paper: Paper) => string, to = 'out') => ({
  kind: 'file-invoices',
  files: invoices,
  wanted: without(
    filed(chosen, name, to),
    chosen.map(({ file }) => `in/${file}`),
  ),
})
const usual = ({ date, amount, company }: Paper): string => `${date}_${amount}_${company}`
const byCompany = ({ date, company }: Paper): string => `${company}_${date}`
const march = papers.filter(({ date }) => date.startsWith('2026-03'))

const texts = { 'in/a.txt': 'a', 'in/b.txt': 'b', 'in/c.csv': 'x,y\n1,2\n', 'in/d.log': 'd', 'in/deep/e.txt': 'e' } // prettier-ignore
const sums = ((1280.5 + 99 + 310.75) * 100) / 100

export const fileTasks: readonly FileTask[] = [
  ...both('invoices', fileInvoices(papers, usual), [
    (r) => `Find all invoices in ${r}/in, rename them date_amount_company.pdf and file them in ${r}/out`, // prettier-ignore
    (r) => `找到 ${r}/in 里所有的发票，重命名为 日期_金额_公司.pdf，然后归档到 ${r}/out`,
  ]),
  ...both('invoices-march', fileInvoices(march, usual), [
    (r) => `File the invoices of March 2026 from ${r}/in in ${r}/out as date_amount_company`,
    (r) => `把 ${r}/in 里 2026年3月 的发票按 日期_金额_公司 改名，归档到 ${r}/out`,
  ]),
  ...both('invoices-company', fileInvoices(papers, byCompany), [
    (r) => `Scan ${r}/in, rename the invoices to company_date.pdf and move them to ${r}/out`,
    (r) => `扫描 ${r}/in，把发票重命名为 公司_日期.pdf 并移到 ${r}/out`,
  ]),
  ...both('invoices-deep', fileInvoices(papers, usual, 'Finance/2026'), [
    (r) => `Move all invoices of ${r}/in to ${r}/Finance/2026 and name them date_amount_company`,
    (r) => `整理 ${r}/in 的发票，按 日期_金额_公司 命名后归档到 ${r}/Finance/2026`,
  ]),
  ...both(
    'zip-all',
    { kind: 'archive-files', files: texts, wanted: { ...all(texts), 'all.zip': undefined } },
    [
      // prettier-ignore
      (r) => `Zip all files of ${r}/in into ${r}/all.zip`,
      (r) => `把 ${r}/in 里的所有文件压缩成 ${r}/all.zip`,
    ],
  ),
  ...both(
    'zip-csv',
    { kind: 'archive-files', files: texts, wanted: { ...all(texts), 'tables.zip': undefined } },
    [
      // prettier-ignore
      (r) => `Pack the csv files in ${r}/in into ${r}/tables.zip`,
      (r) => `将 ${r}/in 中的 csv 文件打包为 ${r}/tables.zip`,
    ],
  ),
  ...both(
    'zip-invoices',
    {
      kind: 'archive-files',
      files: invoices,
      wanted: { ...all(invoices), 'invoices.zip': undefined },
    },
    [
      // prettier-ignore
      (r) => `Find the invoice PDFs in ${r}/in and zip them as ${r}/invoices.zip`,
      (r) => `找出 ${r}/in 里的发票 PDF，打包成 ${r}/invoices.zip`,
    ],
  ),
  ...both(
    'zip-pdf',
    {
      kind: 'archive-files',
      files: invoices,
      wanted: { ...all(invoices), 'papers.zip': undefined },
    },
    [
      // prettier-ignore
      (r) => `Compress every PDF of ${r}/in to ${r}/papers.zip`,
      (r) => `把 ${r}/in 里的 PDF 文件全部压缩到 ${r}/papers.zip`,
    ],
  ),
  ...both(
    'sums-csv',
    {
      kind: 'table-extraction',
      files: invoices,
      wanted: { ...all(invoices), 'sums.csv': String(sums) },
    },
    [
      // prettier-ignore
      (r) => `Make a spreadsheet of the invoices in ${r}/in with totals, as ${r}/sums.csv`,
      (r) => `把 ${r}/in 里的发票汇总成带合计的表格，保存为 ${r}/sums.csv`,
    ],
  ),
  ...both(
    'sums-xlsx',
    {
      kind: 'table-extraction',
      files: invoices,
      wanted: { ...all(invoices), 'sums.xlsx': undefined },
    },
    [
      // prettier-ignore
      (r) => `Collect the invoices of ${r}/in in an Excel table with totals: ${r}/sums.xlsx`,
      (r) => `将 ${r}/in 的发票整理成 Excel 表格并合计，存为 ${r}/sums.xlsx`,
    ],
  ),
  ...both(
    'rename',
    {
      kind: 'rename-by-content',
      files: { 'in/scan0017.txt': minutes, 'in/scan0018.txt': recipe },
      wanted: { 'in/*.txt': undefined, 'in/**.txt': undefined },
    },
    [
      // prettier-ignore
      (r) => `Rename the documents in ${r}/in by their content`,
      (r) => `根据内容给 ${r}/in 里的文档改名`,
    ],
  ),
  ...both(
    'report',
    {
      kind: 'folder-report',
      files: { 'in/minutes.txt': minutes, 'in/soup.txt': recipe },
      wanted: { 'in/minutes.txt': undefined, 'in/soup.txt': undefined, 'report.md': undefined },
    },
    [
      // prettier-ignore
      (r) => `Write a Markdown report on the folder ${r}/in to ${r}/report.md`,
      (r) => `总结文件夹 ${r}/in，写成 Markdown 报告 ${r}/report.md`,
    ],
  ),
  ...both(
    'report-page',
    {
      kind: 'folder-report',
      files: { 'in/minutes.txt': minutes, 'in/soup.txt': recipe },
      wanted: { 'in/minutes.txt': undefined, 'in/soup.txt': undefined, 'report.html': undefined },
    },
    [
      // prettier-ignore
      (r) => `Summarise this folder as a web page: ${r}/in, saved as ${r}/report.html`,
      (r) => `把文件夹 ${r}/in 总结成一个网页，保存为 ${r}/report.html`,
    ],
  ),
  ...both('code', { kind: 'read-code', files: code, wanted: all(code), answer: /orderTotal/ }, [
    (r) => `Which function in ${r}/shop computes the total of an order?`,
    (r) => `${r}/shop 的代码里，哪个函数计算订单的总价？`,
  ]),
  ...both('code-mail', { kind: 'read-code', files: code, wanted: all(code), answer: /sendMail/ }, [
    (r) => `Look at the source code in ${r}/shop: which function sends the confirmation?`,
    (r) => `看看 ${r}/shop 的源码：哪个函数发送确认邮件？`,
  ]),
  ...both(
    'free-move',
    {
      kind: 'free',
      files: texts,
      wanted: { ...without(all(texts), ['in/d.log']), 'logs/d.log': undefined },
    },
    [
      // prettier-ignore
      (r) => `Move the file ${r}/in/d.log to the folder ${r}/logs`,
      (r) => `把文件 ${r}/in/d.log 移动到文件夹 ${r}/logs`,
    ],
  ),
  ...both('free-trash', { kind: 'free', files: texts, wanted: without(all(texts), ['in/b.txt']) }, [
    (r) => `Throw the file ${r}/in/b.txt away`,
    (r) => `把文件 ${r}/in/b.txt 扔进回收站`,
  ]),
  ...both(
    'free-write',
    { kind: 'free', files: texts, wanted: { ...all(texts), 'hello.txt': 'Hello' } },
    [
      // prettier-ignore
      (r) => `Write a file ${r}/hello.txt with the text Hello`,
      (r) => `新建文件 ${r}/hello.txt，内容为 Hello`,
    ],
  ),
  ...both(
    'free-rename',
    {
      kind: 'free',
      files: texts,
      wanted: { ...without(all(texts), ['in/a.txt']), 'in/first.txt': undefined },
    },
    [
      // prettier-ignore
      (r) => `Rename ${r}/in/a.txt to first.txt`,
      (r) => `把 ${r}/in/a.txt 重命名为 first.txt`,
    ],
  ),
  ...both('free-none', { kind: 'free', files: texts, wanted: all(texts) }, [
    (r) => `How many files are in the folder ${r}/in?`,
    (r) => `文件夹 ${r}/in 里有多少个文件？`,
  ]),
]
