import * as v from 'valibot'
import type { Skill } from '#shared/contracts/skill.ts'

/** Draws a page again and again while it goes on, the last time after a wait that a test can look into. */
const program = `
import time
for n in range(1, 4):
    with open('counter.html', 'w') as page:
        page.write(f'<!doctype html><title>Counter</title><h1>Step {n}</h1>')
    print('step', n)
    time.sleep(3)
`

/** A skill that needs no model: it lets a real program in the sandbox write a page that changes. */
export function createDrawingSkill(): Skill<Record<string, never>> {
  return {
    specVersion: 1,
    id: 'draw-counter',
    title: { en: 'Draw a counter', zh: '绘制计数器' },
    description: 'Draws a counter.',
    examples: ['Draw a counter', '绘制一个计数器'],
    capabilities: ['exec.python'],
    parameters: { type: 'object', properties: {}, required: [], additionalProperties: false },
    input: v.strictObject({}),
    async run(_input, task) {
      task.plan([{ id: 'draw', title: 'Draw' }])
      await task.tool('draw', 'python', { code: program, why: 'Draws a counter.' })
      task.say('The counter is drawn.')
    },
  }
}
