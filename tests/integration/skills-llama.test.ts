import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import type { Intent } from '#shared/domain/agent-task.ts'
import { AgentWorld } from './agent-harness.ts'

const world = new AgentWorld()
afterEach(() => world.close())

const intent = (skill: string): Intent => ({
  kind: 'skill',
  skill,
  reason: 'chosen',
  confidence: 1,
})
const minutes = 'We met on Monday about the fence of the school garden. Ms Brandt said that the posts are rotten and that the neighbour wants it mended before May. It was agreed to ask two carpenters for a price and to decide at the next meeting.' // prettier-ignore
const order = '/** Adds up the prices of an order. */\nexport function orderTotal(items) {\n  return items.reduce((sum, item) => sum + item.price * item.count, 0)\n}\n' // prettier-ignore

describe.skipIf(!process.env.SILO_LONG_TESTS)('with the real 0.5B', () => {
  it('a paper gets a name, a folder a report, and a question about code an answer', async () => {
    await world.start({ realModel: 'qwen2.5-coder-0.5b' })
    world.write('papers/scan0017.txt', minutes)
    const rename = await world.task(`Rename the documents in ${world.files}/papers by their content`, intent('rename-by-content')) // prettier-ignore
    const { approvalId } = await world.until(rename.id, 'approval-request')
    await world.answer(approvalId, { decision: 'approve' })
    await world.until(rename.id, 'run-ended')
    const [named] = await world.listing()
    expect(named).toMatch(/^papers\/.*(?:fence|garden|meeting|minutes).*\.txt$/i)

    const report = await world.task(`Write a Markdown report on ${world.files}/papers to ${world.files}/report.md`, intent('folder-report')) // prettier-ignore
    const asked = await world.until(report.id, 'approval-request')
    await world.answer(asked.approvalId, { decision: 'approve' })
    await world.until(report.id, 'run-ended')
    expect(readFileSync(join(world.files, 'report.md'), 'utf8')).toMatch(/fence|garden/i)

    world.write('shop/order.js', order)
    const code = await world.task(`Which function in ${world.files}/shop computes the total of an order?`, intent('read-code')) // prettier-ignore
    expect(await world.until(code.id, 'run-ended')).toMatchObject({ outcome: 'done' })
    const said = (await world.events(code.id)).map(({ body }) => (body.type === 'text-delta' ? body.text : '')).join('') // prettier-ignore
    expect(said).toContain('orderTotal')
  }, 400_000)
})
