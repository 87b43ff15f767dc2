import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { readOwnSkill } from '#companion/agent/own-skill.ts'
import { builtInSkills } from '#companion/compose/document-tools.ts'
import { hintedSkill } from '#shared/agent/skill-hints.ts'

const text = readFileSync('docs/skills.md', 'utf8')

describe('docs/skills.md', () => {
  it('has an example that is a skill', () => {
    const example = /````markdown\n([\s\S]*?)````/.exec(text)![1]!
    const skill = readOwnSkill('meeting-notes', example)
    expect(skill).toMatchObject({ title: 'Meeting notes', tools: ['document_text', 'save_artifact'], parameters: { required: ['path'] } }) // prettier-ignore
    expect(skill.instructions).not.toContain('json schema')
  })

  it.each(builtInSkills().map((skill) => [skill.id, skill] as const))('tells of %s and all of its inputs', (id, skill) => {
    const row = text.split('\n').find((line) => line.startsWith(`| \`${id}\``))!
    const inputs = Object.keys(skill.parameters.properties as object)
    for (const input of inputs) expect(row).toMatch(new RegExp(`\`${input}\`|${input}.? or not`))
    expect(row).toContain('| ')
  }) // prettier-ignore
})

describe('the skills that come with Silo', () => {
  it.each(builtInSkills().map((skill) => [skill.id, skill] as const))('%s understands its own examples', (id, skill) => {
    for (const example of skill.examples) {
      expect(hintedSkill(example) ?? id, example).toBe(id)
      const said = skill.understand!(example, Date.UTC(2026, 9, 14), 'en')
      // A folder that is named is read without a model.
      if (/~\/|Downloads|下载/.test(example)) expect(said.from, example).toMatch(/^~\/|^Downloads$|^下载$/)
    }
  }) // prettier-ignore
})
