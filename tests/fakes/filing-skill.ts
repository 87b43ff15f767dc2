import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import * as v from 'valibot'
import type { Skill } from '#shared/contracts/skill.ts'
import { newId } from '#shared/domain/ids.ts'
import type { FileChange } from '#shared/domain/file-change.ts'

const input = v.object({ folder: v.string() })

/**
 * A skill that needs no model: it proposes to file the text files of a folder under `filed`, each named after the first
 * word of its name, which it is not sure of where the name holds a question mark. For tests of what people see of tasks.
 */
export function createFilingSkill(): Skill<v.InferOutput<typeof input>> {
  return {
    specVersion: 1,
    id: 'file-papers',
    title: { en: 'File papers', zh: '归档文件' },
    description: 'Files the papers of a folder.',
    examples: ['File the papers of /home/kim/in', '归档 /home/kim/in 里的文件'],
    capabilities: ['files.read', 'files.write'],
    parameters: {
      type: 'object',
      properties: { folder: { type: 'string' } },
      required: ['folder'],
      additionalProperties: false,
    },
    input,
    understand: (goal) => {
      const folder = /\/\S+/.exec(goal)?.[0]
      return folder ? { folder } : {}
    },
    async run({ folder }, task) {
      task.plan([
        { id: 'list', title: 'List the papers' },
        { id: 'propose', title: 'Wait for approval' },
      ])
      const changes = await task.step('list', async () => {
        const names = readdirSync(folder).filter((name) => name.endsWith('.txt')).toSorted() // prettier-ignore
        return {
          value: names.map((name) => proposed(folder, name)),
          note: `${names.length} papers`,
        }
      })
      const results = await task.propose(
        'propose',
        { title: `File ${changes.length} papers`, changes },
        (change, { facts }) =>
          change.type === 'move' && facts?.company !== undefined
            ? { ...change, to: join(folder, 'filed', `${facts.company}.txt`) }
            : change,
      )
      task.say(`Filed ${results.filter(({ state }) => state === 'done').length} papers.`)
    },
  }
}

function proposed(folder: string, name: string): FileChange {
  const path = join(folder, name)
  const { size, mtimeMs } = statSync(path)
  const company = name.split(/[ .?]/, 1)[0] ?? name
  return {
    type: 'move',
    id: newId(),
    from: path,
    to: join(folder, 'filed', `${company}.txt`),
    stamp: { size, modifiedAt: mtimeMs },
    facts: { company: { value: company, confidence: name.includes('unclear') ? 0.3 : 0.97 } },
  }
}
