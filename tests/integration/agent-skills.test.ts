import { afterEach, describe, expect, it } from 'vitest'
import { openDatabase } from '#companion/records/database.ts'
import { Schedules } from '#companion/agent/schedules.ts'
import { nextTime } from '#companion/agent/schedule-time.ts'
import { silentLog } from '#companion/observe/log.ts'
import type { GenerateRequest } from '#shared/contracts/engine.ts'
import type { Intent } from '#shared/domain/agent-task.ts'
import type { Schedule, SkillInfo } from '#shared/protocol/agent.ts'
import type { RunSummary } from '#shared/protocol/run-event.ts'
import { AgentWorld, sortSkill } from './agent-harness.ts'

let world: AgentWorld | undefined
afterEach(async () => {
  await world?.close()
  world = undefined
})

const source = `---
title: Greet people
description: Greets a person by name.
examples:
  - greet Ada by name politely
  - 礼貌地向某人问好
tools: [clock]
---
Greet the person.

\`\`\`json schema
{"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}
\`\`\`
`

describe('own skills', () => {
  it('are written, listed, carried out with a checked input, and removed', async () => {
    const asked: string[] = []
    const reply = (request: GenerateRequest): string => {
      const text = request.prompt.kind === 'chat' ? request.prompt.messages.map(({ content }) => content).join('\n') : '' // prettier-ignore
      asked.push(text)
      if (text.includes('Fill in the input')) return '{"name":"Ada"}'
      return text.includes('Write a plan') ? '{"steps":["Greet"]}' : '{"tool":"finish","input":{"answer":"Hello Ada"}}' // prettier-ignore
    }
    world = await new AgentWorld().start({ reply })
    expect((await world.api('PUT', '/skills/greet', { source })).status).toBe(200)
    for (const bad of ['no front matter', source.replace('"string"', '"map"'), source.replace('title: Greet people\n', '')]) // prettier-ignore
      expect((await world.api('PUT', '/skills/other', { source: bad })).body).toMatchObject({ error: { code: 'skill_invalid' } }) // prettier-ignore
    expect((await world.api('PUT', '/skills/..%2Fescape', { source })).body).toMatchObject({ error: { code: 'skill_invalid' } }) // prettier-ignore
    const listed = await world.api<{ skills: SkillInfo[] }>('GET', '/skills')
    expect(listed.body.skills.filter(({ builtIn }) => !builtIn)).toMatchObject([{ id: 'greet', title: 'Greet people', builtIn: false, source }]) // prettier-ignore
    const intent = { kind: 'skill' as const, skill: 'greet', reason: 'chosen' as const, confidence: 1 } // prettier-ignore
    const { id } = await world.task('Greet Ada', intent)
    expect(await world.until(id, 'run-ended')).toMatchObject({ outcome: 'done' })
    expect((await world.until(id, 'text-delta')).text).toBe('Hello Ada')
    expect(asked.at(-1)).toContain('Input: {"name":"Ada"}')
    expect((await world.api('DELETE', '/skills/greet')).status).toBe(204)
    expect((await world.api('DELETE', '/skills/greet')).body).toMatchObject({ error: { code: 'skill_unknown' } }) // prettier-ignore
  })
})

describe('where an instruction goes', () => {
  it('is said with a reason, and asked of the model where words do not tell', async () => {
    world = await new AgentWorld().start({
      skills: [sortSkill],
      reply: () => '{"kind":"sort-files"}',
    })
    const ask = async (text: string): Promise<Intent> =>
      (await world!.api<{ intent: Intent }>('POST', '/intent', { text, collectionIds: [] })).body
        .intent
    expect(await ask('hello')).toMatchObject({ kind: 'chat', reason: 'only-talk' })
    expect(await ask('Delete the empty folders in ~/x')).toMatchObject({ kind: 'agent', reason: 'needs-tools' }) // prettier-ignore
    expect(await ask('my downloads are a mess')).toMatchObject({ kind: 'skill', skill: 'sort-files', reason: 'skill-matches' }) // prettier-ignore
  })
})

describe('schedules', () => {
  it('propose and approve nothing, in one conversation', async () => {
    world = await new AgentWorld().start({ skills: [sortSkill] })
    world.write('a.txt')
    const schedule = {
      goal: 'Sort the files',
      enabled: true,
      at: { days: [5], hour: 9, minute: 30 },
      intent: { kind: 'skill', skill: 'sort-files', input: { folder: world.files }, reason: 'chosen', confidence: 1 }, // prettier-ignore
    }
    const put = await world.api<{ schedule: Schedule }>('PUT', '/schedules/schedule-1', schedule)
    expect(new Date(put.body.schedule.nextAt!).getDay()).toBe(5)
    const started = await world.api<{ run: RunSummary }>('POST', '/schedules/schedule-1/run')
    const { approvalId } = await world.until(started.body.run.id, 'approval-request')
    expect(await world.listing()).toEqual(['a.txt'])
    await world.answer(approvalId, { decision: 'approve' })
    await world.until(started.body.run.id, 'run-ended')
    expect(await world.listing()).toEqual(['sorted/a.txt'])
    const again = await world.api<{ run: RunSummary }>('POST', '/schedules/schedule-1/run')
    expect(again.body.run.subject).toBe(started.body.run.subject)
    expect((await world.api('DELETE', '/schedules/schedule-1')).status).toBe(204)
  })

  it('start once what was due several times while nothing ran', () => {
    const started: string[] = []
    let now = Date.parse('2026-03-02T08:00:00')
    const conversation = { id: 'conversation-1', leafId: null }
    const make = () =>
      new Schedules({
        database,
        start(request) {
          started.push(request.id)
          return { id: request.id } as RunSummary
        },
        conversations: { create: () => conversation, get: () => conversation },
        changed() {},
        log: silentLog,
        now: () => now,
      })
    const database = openDatabase(':memory:')
    make().put('schedule-1', { goal: 'x', enabled: true, at: { days: [], hour: 9, minute: 0 } })
    make().look()
    expect(started).toEqual([])
    now += 5 * 24 * 3600 * 1000
    const schedules = make()
    schedules.look()
    schedules.look()
    expect(started).toHaveLength(1)
    expect(schedules.get('schedule-1').nextAt).toBe(Date.parse('2026-03-07T09:00:00'))
    expect(nextTime({ days: [0], hour: 9, minute: 0 }, Date.parse('2026-03-01T09:00:00'))).toBe(Date.parse('2026-03-08T09:00:00')) // prettier-ignore
  })
})
