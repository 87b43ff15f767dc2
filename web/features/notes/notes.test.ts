import { describe, expect, it } from 'vitest'
import { begunLink, nextItem, withLinks, withoutFrontMatter } from './wiki-text.ts'

const links = [
  { target: 'Plan', path: 'work/Plan.md' },
  { target: '旅行', path: '旅行.md' },
  { target: 'Nowhere', path: null },
]
const shown = (text: string) => withLinks(text, links, (path) => `/n?${path}`)
const after = (text: string) => nextItem(text, text.length)

describe('links of notes', () => {
  it('lead to notes that are there, and are words where they are not', () => {
    expect(shown('see [[Plan]] and [[旅行|the trip]]')).toBe('see [Plan](</n?work/Plan.md>) and [the trip](</n?旅行.md>)') // prettier-ignore
    expect(shown('[[Nowhere]] [[unknown]]')).toBe('*Nowhere* *unknown*')
  })

  it('are left alone in code', () => {
    const code = 'a `[[Plan]]` b\n\n```\n[[Plan]]\n```\n'
    expect(shown(code)).toBe(code)
    expect(shown(`${code}[[Plan]]`)).toBe(`${code}[Plan](</n?work/Plan.md>)`)
  })

  it('are offered while they are typed', () => {
    const text = 'first\nsee [[Pl'
    expect(begunLink(text, text.length)).toEqual({ start: text.length - 2, query: 'Pl' })
    expect(begunLink('see [[Plan]] x', 14)).toBeUndefined()
    expect(begunLink('[[a\nb', 5)).toBeUndefined()
  })
})

describe('writing', () => {
  it('goes on with a list, and ends it at an empty item', () => {
    expect(after('- one')).toEqual({ replaceFrom: 5, insert: '\n- ' })
    expect(after('  9. nine')?.insert).toBe('\n  10. ')
    expect(after('- [x] done')?.insert).toBe('\n- [ ] ')
    expect(after('text\n- ')).toEqual({ replaceFrom: 5, insert: '' })
    expect(after('no list')).toBeUndefined()
  })

  it('hides front matter from readers only', () => {
    expect(withoutFrontMatter('---\nsource: x\n---\n# T')).toBe('# T')
    expect(withoutFrontMatter('# T\n---\nx\n---')).toBe('# T\n---\nx\n---')
  })
})
