import { readFileSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { textPdf } from '#tests/documents/text-pdf.ts'
import type { Approval } from '#shared/domain/approval.ts'
import type { Intent } from '#shared/domain/agent-task.ts'
import { AgentWorld } from './agent-harness.ts'

let world: AgentWorld
afterEach(() => world.close())

const lastMonth = (day: number): string => {
  const now = new Date()
  return new Date(Date.UTC(now.getFullYear(), now.getMonth() - 1, day)).toISOString().slice(0, 10)
}
const pdf = (name: string, lines: readonly string[]): void =>
  writeFileSync(join(world.files, name), textPdf(lines))
const invoice = (company: string, date: string, amount: string): string[] =>
  [company, 'INVOICE', 'Invoice No. 4101', `Invoice date: ${date}`, 'Bill to: Valley Studio', `Total due EUR ${amount}`] // prettier-ignore
const intent = (skill: string): Intent => ({
  kind: 'skill',
  skill,
  reason: 'chosen',
  confidence: 1,
})

describe('the skill that files invoices', { timeout: 60_000 }, () => {
  it('names them by what they say and files them, those of that time and no other paper', async () => {
    world = await new AgentWorld().start()
    pdf('a.pdf', invoice('Acme GmbH', lastMonth(3), '1,280.00'))
    pdf('b.pdf', invoice('Acme GmbH', lastMonth(3), '1,280.00'))
    pdf('old.pdf', invoice('Acme GmbH', '2020-01-05', '12.00'))
    pdf('letter.pdf', ['Dear all, the office is closed next Monday.'])
    world.write('broken.pdf', 'not a pdf')
    world.write('empty.pdf', '')
    const { id } = await world.task(`Scan ${world.files}, find last month's invoice PDFs, rename them date_amount_company.pdf and file them in ${world.files}/Finance`, intent('file-invoices')) // prettier-ignore
    const asked = await world.until(id, 'approval-request')
    expect(asked).toMatchObject({ kind: 'changes', count: 2 })
    const { body } = (await world.approval(asked.approvalId)) as Extract<Approval, object>
    if (body.kind !== 'changes') throw new Error(body.kind)
    expect(body.plan.changes[0]).toMatchObject({ type: 'move', facts: { date: { value: lastMonth(3) }, amount: { value: '1280.00' }, company: { value: 'Acme GmbH' } } }) // prettier-ignore
    expect(body.plan.skipped).toHaveLength(4)
    const edits = [{ changeId: body.plan.changes[1]!.id, facts: { amount: '99.00' } }]
    await world.answer(asked.approvalId, { decision: 'approve', edits })
    expect(await world.until(id, 'run-ended')).toMatchObject({ outcome: 'done' })
    const name = `${lastMonth(3)}_`
    expect(await world.listing()).toEqual([`Finance/${name}1280.00_Acme GmbH.pdf`, `Finance/${name}99.00_Acme GmbH.pdf`, 'broken.pdf', 'empty.pdf', 'letter.pdf', 'old.pdf']) // prettier-ignore
    await world.api('POST', `/tasks/${id}/undo`, {})
    expect(await world.listing()).toEqual(['a.pdf', 'b.pdf', 'broken.pdf', 'empty.pdf', 'letter.pdf', 'old.pdf']) // prettier-ignore
  })
})

describe('the skill that finds and packs', { timeout: 60_000 }, () => {
  it('packs what came in that time, and leaves it where it is', async () => {
    world = await new AgentWorld().start()
    world.write('a.csv', 'new')
    utimesSync(world.write('b.csv', 'old'), 1_500_000_000, 1_500_000_000)
    world.write('c.txt', 'other')
    const { id } = await world.task(`Find the csv files of the past week in ${world.files} and zip them into ${world.files}/week.zip`, intent('archive-files')) // prettier-ignore
    const asked = await world.until(id, 'approval-request')
    await world.answer(asked.approvalId, { decision: 'approve' })
    await world.until(id, 'run-ended')
    expect(await world.listing()).toEqual(['a.csv', 'b.csv', 'c.txt', 'week.zip'])
    // Stored as they are: what is in it can be read in it.
    const archive = readFileSync(join(world.files, 'week.zip'), 'latin1')
    expect(archive).toContain('a.csv')
    expect(archive).toContain('new')
    expect(archive).not.toContain('b.csv')
  })
})
