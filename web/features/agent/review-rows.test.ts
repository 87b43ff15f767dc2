import { describe, expect, it } from 'vitest'
import type { ChangePlan, FileChange } from '#shared/domain/file-change.ts'
import { editsOf, factKeys, foldersTouched, isBadName, movedTo, renamed, reviewRows, type RowEdit } from './review-rows.ts' // prettier-ignore

const stamp = { size: 5, modifiedAt: 1 }
const move = (id: string, from: string, to: string, confidence = 1): FileChange => ({
  type: 'move',
  id,
  from,
  to,
  stamp,
  facts: { company: { value: 'Acme', confidence }, date: { value: '2026-10-01', confidence: 1 } },
})
const plan: ChangePlan = {
  title: '',
  changes: [
    move('a', '/h/Downloads/1.pdf', '/h/Finance/x.pdf'),
    move('b', '/h/Downloads/2.pdf', '/h/Finance/X.pdf', 0.4),
    { type: 'trash', id: 'c', path: '/h/Downloads/old/3.pdf', stamp },
    { type: 'create', id: 'd', path: '/h/new.csv', content: 'a'.repeat(64), size: 9 },
  ],
}
const rows = (edits: [string, RowEdit][] = [], rebuilt: [string, FileChange][] = []) =>
  reviewRows(plan, new Map(edits), new Map(rebuilt))

describe('reviewRows', () => {
  it('tells what is, what will be, and what is worth a look', () => {
    expect(rows().map(({ from, to, unsure, size }) => [from, to, unsure, size])).toEqual([
      ['/h/Downloads/1.pdf', '/h/Finance/x.pdf', false, 5],
      ['/h/Downloads/2.pdf', '/h/Finance/X.pdf', true, 5],
      ['/h/Downloads/old/3.pdf', undefined, false, 5],
      [undefined, '/h/new.csv', false, 9],
    ])
  })

  it('says when two rows would get one name, also where only case differs, and not of rows left out', () => {
    expect(rows()[1]?.problem).toBe('twice')
    expect(rows([['a', { include: false }]])[1]?.problem).toBeUndefined()
  })

  it('takes an edited name over one built anew, and a corrected fact for certain', () => {
    const rebuilt = move('b', '/h/Downloads/2.pdf', '/h/Finance/new.pdf')
    expect(rows([['b', { facts: { company: 'B' } }]], [['b', rebuilt]])[1]).toMatchObject({ to: '/h/Finance/new.pdf', unsure: false, edited: true }) // prettier-ignore
    expect(rows([['b', { to: '/h/Finance/mine.pdf' }]], [['b', rebuilt]])[1]?.to).toBe('/h/Finance/mine.pdf') // prettier-ignore
    expect(rows([['a', { to: '/h/Finance/..' }]])[0]?.problem).toBe('name')
  })
})

it('sends only rows that were touched', () => {
  const edits = new Map<string, RowEdit>([
    ['a', { include: true }],
    ['b', { include: false }],
    ['c', { facts: {} }],
    ['d', { to: '/h/e.csv' }],
  ])
  expect(editsOf(edits)).toEqual([{ changeId: 'b', include: false }, { changeId: 'd', to: '/h/e.csv' }]) // prettier-ignore
})

it('names the folders that are touched, and the facts worth a column', () => {
  expect(foldersTouched(rows())).toEqual(['/h'])
  expect(foldersTouched(rows([['d', { include: false }]]))).toEqual(['/h/Downloads', '/h/Finance'])
  expect(factKeys(plan)).toEqual(['date', 'company'])
})

it('changes name and folder of paths of either kind', () => {
  expect(renamed('/a.pdf', 'b.pdf')).toBe('/b.pdf')
  expect(renamed('C:\\x\\a.pdf', 'b.pdf')).toBe('C:\\x\\b.pdf')
  expect(movedTo('/x/a.pdf', '/y/')).toBe('/y/a.pdf')
  expect(['', '..', 'a/b', 'a\u0000', '发'.repeat(100)].every(isBadName)).toBe(true)
  expect(isBadName('2026-10-03_1280.00_华东电力.pdf')).toBe(false)
})
