import { afterAll, describe, expect, it } from 'vitest'
import { AgentWorld, sortSkill } from './agent-harness.ts'

const world = new AgentWorld()
afterAll(() => world.companion?.close())

describe.skipIf(!process.env.SILO_LONG_TESTS)('with the real 0.5B', () => {
  it('a skill gets its input from the instruction', async () => {
    await world.start({ realModel: 'qwen2.5-coder-0.5b', skills: [sortSkill] })
    world.write('a.txt')
    const skill = { kind: 'skill' as const, skill: 'sort-files', reason: 'chosen' as const, confidence: 1 } // prettier-ignore
    const { id } = await world.task(`Sort all files of the folder ${world.files}`, skill)
    const { approvalId } = await world.until(id, 'approval-request')
    expect(await world.listing()).toEqual(['a.txt'])
    await world.answer(approvalId, { decision: 'approve' })
    await world.until(id, 'run-ended')
    expect(await world.listing()).toEqual(['sorted/a.txt'])
  }, 240_000)
})
