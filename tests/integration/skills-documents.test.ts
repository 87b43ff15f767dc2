import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import readSheets from 'read-excel-file/node'
import { afterEach, describe, expect, it } from 'vitest'
import { textPdf } from '#tests/documents/text-pdf.ts'
import type { GenerateRequest } from '#shared/contracts/engine.ts'
import type { Intent } from '#shared/domain/agent-task.ts'
import type { Artifact } from '#shared/domain/artifact.ts'
import type { Approval } from '#shared/domain/approval.ts'
import { AgentWorld } from './agent-harness.ts'

let world: AgentWorld
afterEach(() => world.close())

const intent = (skill: string): Intent => ({
  kind: 'skill',
  skill,
  reason: 'chosen',
  confidence: 1,
})
const pdf = (name: string, lines: readonly string[]): void =>
  writeFileSync(join(world.files, name), textPdf(lines))
const promptOf = ({ prompt }: GenerateRequest): string =>
  prompt.kind === 'chat' ? prompt.messages.map(({ content }) => content).join('\n') : ''

const invoice = (number: string, total: string): string[] => ['Acme GmbH', 'INVOICE', `Invoice No. ${number}`, 'Invoice date: 2026-10-03', 'Bill to: Valley Studio', `Total due EUR ${total}`] // prettier-ignore

async function planOf(id: string) {
  const asked = await world.until(id, 'approval-request')
  const { body } = (await world.approval(asked.approvalId)) as Extract<Approval, object>
  if (body.kind !== 'changes') throw new Error(body.kind)
  return { id: asked.approvalId, plan: body.plan }
}
async function artifactOf(id: string): Promise<{ artifact: Artifact; text: string }> {
  const { artifact } = await world.until(id, 'artifact-updated')
  const response = await fetch(`${world.companion.url}/api/artifacts/${artifact.id}/content`, { headers: { authorization: `Bearer ${world.companion.token}` } }) // prettier-ignore
  return { artifact, text: await response.text() }
}
const answerOf = async (id: string): Promise<string> =>
  (await world.events(id)).map(({ body }) => (body.type === 'text-delta' ? body.text : '')).join('')

describe('the skill that makes spreadsheets', { timeout: 60_000 }, () => {
  it('writes what invoices say into a workbook with sums that a spreadsheet program reckons', async () => {
    world = await new AgentWorld().start()
    pdf('a.pdf', invoice('4101', '1,280.50'))
    pdf('b.pdf', invoice('4102', '19.50'))
    pdf('letter.pdf', ['Dear all, the office is closed next Monday.'])
    world.write('broken.pdf', 'not a pdf')
    const { id } = await world.task(`Make a spreadsheet of the invoices in ${world.files} with totals, as ${world.files}/sums.xlsx`, intent('table-extraction')) // prettier-ignore
    const { id: approval, plan } = await planOf(id)
    expect(plan.changes).toMatchObject([{ type: 'create', path: join(world.files, 'sums.xlsx') }])
    expect((await artifactOf(id)).text).toContain('1280.5')
    expect(await world.listing()).not.toContain('sums.xlsx')
    await world.answer(approval, { decision: 'approve' })
    expect(await world.until(id, 'run-ended')).toMatchObject({ outcome: 'done' })
    const bytes = readFileSync(join(world.files, 'sums.xlsx'))
    const [sheet] = await readSheets(bytes)
    expect(sheet!.sheet).toBe('Invoices EUR')
    expect(sheet!.data).toEqual([
      ['Date', 'Company', 'Number', 'Amount', 'Currency', 'File'],
      ['2026-10-03', 'Acme GmbH', '4101', 1280.5, 'EUR', 'a.pdf'],
      ['2026-10-03', 'Acme GmbH', '4102', 19.5, 'EUR', 'b.pdf'],
      ['Total', null, null, 1300, null, null],
    ])
    expect(bytes.toString('latin1')).toContain('<f>SUM(D2:D3)</f><v>1300</v>')
    expect(await answerOf(id)).toMatch(/2 rows of 2 documents .*Not read: broken\.pdf/)
  })

  it('joins tables of the same columns, and writes no formula that a table brought along', async () => {
    world = await new AgentWorld().start()
    world.write('may.csv', 'item,price\nPaper,"1,200.50"\nInk,20\n')
    world.write('june.csv', 'item,price\n=HYPERLINK("http://x"),3\n')
    const { id } = await world.task(`Extract the tables in ${world.files} to ${world.files}/all.csv`, intent('table-extraction')) // prettier-ignore
    const { id: approval } = await planOf(id)
    await world.answer(approval, { decision: 'approve' })
    await world.until(id, 'run-ended')
    const lines = readFileSync(join(world.files, 'all.csv'), 'utf8').split('\r\n')
    expect(lines[0]).toBe('\ufeffitem,price,File')
    expect(lines.slice(1, 4).toSorted()).toEqual(['"\'=HYPERLINK(""http://x"")",3,june.csv', 'Ink,20,may.csv', 'Paper,1200.5,may.csv'].toSorted()) // prettier-ignore
  })
})

describe('the skill that renames by content', { timeout: 60_000 }, () => {
  it('takes titles, asks the model where there is none, and takes what is corrected', async () => {
    const asked: string[] = []
    const reply = (request: GenerateRequest): string => {
      const text = promptOf(request)
      asked.push(text)
      if (text.includes('rubbish')) return '{"title":""}'
      return '{"title":"Minutes: garden/fence repair"}'
    }
    world = await new AgentWorld().start({ reply })
    world.write('scan001.md', '# Rental agreement 2026\n\nBetween the parties.')
    world.write('scan002.txt', 'We met about the fence of the garden. It is to be mended in May.')
    world.write('scan003.txt', 'rubbish in, rubbish out')
    world.write('scan004.md', '# Rental agreement 2026\n\nA second copy.')
    world.write('empty.txt', '')
    const { id } = await world.task(`Rename the documents in ${world.files} by their content`, intent('rename-by-content')) // prettier-ignore
    const { id: approval, plan } = await planOf(id)
    const target = (from: string) => plan.changes.find((change) => change.type === 'move' && change.from.endsWith(from))! // prettier-ignore
    expect(target('scan001.md')).toMatchObject({ to: join(world.files, 'Rental agreement 2026.md'), facts: { title: { confidence: 0.95 } } }) // prettier-ignore
    expect(target('scan002.txt')).toMatchObject({ to: join(world.files, 'Minutes- garden-fence repair.txt'), facts: { title: { confidence: 0.6 } } }) // prettier-ignore
    expect(plan.skipped?.map(({ path }) => path.slice(world.files.length + 1)).toSorted()).toEqual(['empty.txt', 'scan003.txt']) // prettier-ignore
    expect(asked.some((text) => text.includes('<data>\nWe met about the fence'))).toBe(true)
    const edits = [{ changeId: target('scan002.txt').id, facts: { title: 'Fence' } }]
    await world.answer(approval, { decision: 'approve', edits })
    expect(await world.until(id, 'run-ended')).toMatchObject({ outcome: 'done' })
    expect(await world.listing()).toEqual(['Fence.txt', 'Rental agreement 2026 (2).md', 'Rental agreement 2026.md', 'empty.txt', 'scan003.txt']) // prettier-ignore
    await world.api('POST', `/tasks/${id}/undo`, {})
    expect(await world.listing()).toEqual(['empty.txt', 'scan001.md', 'scan002.txt', 'scan003.txt', 'scan004.md']) // prettier-ignore
  })
})

describe('the skill that reports on a folder', { timeout: 60_000 }, () => {
  const long = 'This offer covers twelve feed pumps for the plant in Bremen, with delivery in May and two years of service.' // prettier-ignore
  it('shows a page that runs nothing, and touches no file where none was asked for', async () => {
    world = await new AgentWorld().start({ reply: (request) => promptOf(request).includes('what this folder is about') ? 'All about pumps.' : 'An offer <img src=x onerror=alert(1)> for pumps.' }) // prettier-ignore
    world.write('offer.md', `# <script>alert(1)</script>Offer\n\n${long}`)
    world.write('data.bin', 'x'.repeat(2000))
    const { id } = await world.task(`Summarise ${world.files} as a web page`, intent('folder-report')) // prettier-ignore
    expect(await world.until(id, 'run-ended')).toMatchObject({ outcome: 'done' })
    const { artifact, text } = await artifactOf(id)
    expect(artifact.kind).toBe('html')
    expect(text).toContain('All about pumps.')
    expect(text).toContain('An offer &lt;img src=x')
    expect(text).not.toMatch(/<script|<img/)
    expect(text).toContain('<td>bin</td><td>1</td><td>2.0 kB</td>')
    expect(await world.listing()).toEqual(['data.bin', 'offer.md'])
    expect(await answerOf(id)).toContain('All about pumps.')
  })

  it('writes Markdown where that is said, after approval', async () => {
    world = await new AgentWorld().start({ reply: () => '关于水泵。' })
    world.write('offer.md', `# Offer [link](http://x)\n\n${long}`)
    const { id } = await world.task(`用 Markdown 总结 ${world.files} ，写到 ${world.files}/report.md`, intent('folder-report')) // prettier-ignore
    const { id: approval, plan } = await planOf(id)
    expect(plan.changes).toMatchObject([{ type: 'create', path: join(world.files, 'report.md') }])
    expect(await world.listing()).toEqual(['offer.md'])
    await world.answer(approval, { decision: 'approve' })
    await world.until(id, 'run-ended')
    const text = readFileSync(join(world.files, 'report.md'), 'utf8')
    expect(text).toContain('关于水泵。')
    expect(text).not.toMatch(/\[link\]\(/)
  })
})

describe('the skill that reads code', { timeout: 60_000 }, () => {
  it('gives the model the definitions a question is about, and shows how the code is built', async () => {
    const asked: string[] = []
    const reply = (request: GenerateRequest): string => {
      asked.push(promptOf(request))
      return '`orderTotal` in shop/order.ts adds the items.'
    }
    world = await new AgentWorld().start({ reply })
    world.write('shop/order.ts', 'export interface Item { price: number }\n\n/** Sums up an order. */\nexport function orderTotal(items: Item[]): number {\n  return items.reduce((sum, { price }) => sum + price, 0)\n}\n') // prettier-ignore
    world.write('shop/mail.py', 'def send_mail(to):\n    """Sends."""\n    return to\n')
    world.write('node_modules/x/index.js', 'function total() { return 1 }')
    const { id } = await world.task(`Which function in ${world.files} computes the total of an order?`, intent('read-code')) // prettier-ignore
    expect(await world.until(id, 'run-ended')).toMatchObject({ outcome: 'done' })
    const prompt = asked.at(-1)!
    expect(prompt).toContain('items.reduce')
    expect(prompt).toContain('function send_mail')
    expect(prompt).not.toContain('return 1')
    expect((await artifactOf(id)).text).toMatch(/## shop\/order\.ts \(\d+\)\n\n(?:- .*\n)*- `function orderTotal` :3/) // prettier-ignore
    expect(await answerOf(id)).toContain('`shop/order.ts:3` function orderTotal')
  })
})
