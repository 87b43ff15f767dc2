import { describe, expect, it } from 'vitest'
import { NoteNames } from './note-links.ts'
import { conflictOf, isNotePath, isPortablePath, numberedPath, safePart } from './note-path.ts'
import {
  frontMatter,
  frontMatterLine,
  linksOf,
  rewriteLinks,
  tagsOf,
  titleOf,
} from './note-text.ts'

describe('note text', () => {
  it('reads front matter, and nothing where there is none', () => {
    const text =
      '---\ntitle: "A: \\"B\\""\ntags: [one, two words]\nsource: https://a.example/x # y\nlist:\n  - p\n  - q\n---\nBody'
    const { end, values } = frontMatter(text)
    expect(text.slice(end)).toBe('Body')
    expect(values).toMatchObject({ title: 'A: "B"', tags: ['one', 'two words'], source: 'https://a.example/x', list: ['p', 'q'] }) // prettier-ignore
    expect(frontMatter('Text\n---\na: b\n---\n')).toEqual({ end: 0, values: {} })
    const line = frontMatterLine('title', 'He said: "no" #1')
    expect(frontMatter(`---\n${line}\n---\n`).values.title).toBe('He said: "no" #1')
  })

  it('takes the title from the front matter, else from a heading outside code', () => {
    expect(titleOf('---\ntitle: 年度计划\n---\n# Other')).toBe('年度计划')
    expect(titleOf('```\n# not this\n```\n\n## This one ##\n')).toBe('This one')
    expect(titleOf('just words')).toBeUndefined()
  })

  it('finds tags, in any script, and not what only looks like one', () => {
    const text =
      '---\ntags: a, b\n---\n#Plan and #项目/预算. Issue #12, a&#b; https://x.example/#frag\n`#code` (#no) #plan'
    expect(tagsOf(text).sort()).toEqual(['Plan', 'a', 'b', '项目/预算'].sort())
  })

  it('finds links and replaces their targets only', () => {
    const text =
      'See [[Plan]], [[ work/Plan |the plan]], [[Plan#Costs|x]], [t](sub/a%20b.md#x) and `[[code]]`.\n```\n[[fence]]\n```\n[out](https://a.example/x.md)'
    expect(linksOf(text).map(({ target }) => target)).toEqual(['Plan', 'work/Plan', 'Plan', 'sub/a b.md']) // prettier-ignore
    const changed = rewriteLinks(text, ({ target, kind }) => (kind === 'path' ? 'c d (1).md' : `New ${target}`)) // prettier-ignore
    expect(changed).toContain('[[New Plan]], [[ New work/Plan |the plan]], [[New Plan#Costs|x]], [t](c%20d%20%281%29.md#x)') // prettier-ignore
    expect(changed).toContain('[[code]]')
    expect(linksOf(changed)).toHaveLength(4)
  })
})

describe('note names', () => {
  const names = new NoteNames(['Plan.md', 'work/Plan.md', 'work/deep/Costs.md', '会议.md'])
  it('takes the nearest note of a name', () => {
    const to = (target: string, from: string) => names.resolve({ target, kind: 'wiki' }, from)
    expect(to('plan', 'x.md')).toBe('Plan.md')
    expect(to('Plan', 'work/x.md')).toBe('Plan.md')
    expect(to('work/Plan', 'x.md')).toBe('work/Plan.md')
    expect(to('deep/Costs', 'x.md')).toBe('work/deep/Costs.md')
    expect(to('costs', 'x.md')).toBe('work/deep/Costs.md')
    expect(to('会议', 'work/deep/Costs.md')).toBe('会议.md')
    expect(to('nothing', 'x.md')).toBeUndefined()
    expect(names.resolve({ target: '../Plan.md', kind: 'path' }, 'work/a.md')).toBe('Plan.md')
  })

  it('names a note as shortly as it can be found again', () => {
    expect(names.nameFor('work/deep/Costs.md', 'Plan.md', 'wiki')).toBe('Costs')
    expect(names.nameFor('work/Plan.md', 'x.md', 'wiki')).toBe('work/Plan')
    expect(names.nameFor('Plan.md', 'work/deep/Costs.md', 'path')).toBe('../../Plan.md')
  })
})

describe('note paths', () => {
  it('lets nothing leave the folder', () => {
    for (const path of [
      '../a.md',
      'a/../../b.md',
      '/a.md',
      'a//b.md',
      '.hidden/a.md',
      'a\\b.md',
      'a\0.md',
      'a.txt',
      './a.md',
      '.md/x',
      'a/.md',
    ])
      // prettier-ignore
      expect(isNotePath(path), path).toBe(false)
    for (const path of ['a.md', 'a b/会议.md', 'x.MD', 'a:b.md', 'a..b.md']) expect(isNotePath(path), path).toBe(true) // prettier-ignore
  })

  it('makes names that every system takes', () => {
    expect(safePart('  ../a:b?*"\u202e<c>|\0 . ')).toBe('-a-b----c--')
    expect(safePart('con')).toBe('_con')
    expect(safePart('。'.repeat(500)).length).toBeLessThanOrEqual(60)
    expect(safePart('...')).toBe('note')
    expect(isPortablePath('work/Plan.md')).toBe(true)
    expect(isPortablePath('work/Plan?.md')).toBe(false)
    expect(numberedPath('a/Plan v1.md', 3)).toBe('a/Plan v1 3.md')
  })

  it('knows conflict copies', () => {
    expect(conflictOf('a/Plan.sync-conflict-20260312-091500-ABCDEFG.md')).toEqual({ of: 'a/Plan.md', device: 'ABCDEFG' }) // prettier-ignore
    expect(conflictOf('a/Plan.md')).toBeUndefined()
  })
})
