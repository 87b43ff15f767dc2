import { hash } from 'node:crypto'
import {
  appendFileSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import type * as FileSystem from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeEach, expect, test, vi } from 'vitest'
import type { Placement } from './disk-tasks.ts'
import { place } from './disk-write.ts'
import { statText } from './safe-tree.ts'

/** What a person does in the moment before a name changes; `noLinks`: a file system where a file has one name. */
const moment = vi.hoisted(() => ({
  act: undefined as (() => void) | undefined,
  noLinks: false,
  now: () => {
    const { act } = moment
    moment.act = undefined
    act?.()
  },
}))

vi.mock('node:fs', async (original) => {
  const fs = await original<typeof FileSystem>()
  return {
    ...fs,
    renameSync: (from: string, to: string) => {
      moment.now()
      fs.renameSync(from, to)
    },
    linkSync: (from: string, to: string) => {
      if (moment.noLinks) throw Object.assign(new Error('no links'), { code: 'EPERM' })
      // Where a name is kept aside, what comes after that is the harder case.
      if (from.endsWith('.tmp')) moment.now()
      fs.linkSync(from, to)
    },
  }
})

let root: string
let path: string

beforeEach(() => {
  moment.act = undefined
  moment.noLinks = false
  root = mkdtempSync(join(tmpdir(), 'silo-exchange-'))
  path = join(root, 'd', 'note.md')
  mkdirSync(join(root, 'd'))
  return () => rmSync(root, { recursive: true })
})

const stateOf = () => statText(lstatSync(path, { bigint: true }))
const names = () => readdirSync(join(root, 'd'))
const incoming = new TextEncoder().encode('from the other device')

function put(expect: string, more: Partial<Placement> = {}) {
  const item = {
    name: 'd/note.md',
    make: 'data',
    expect,
    at: 0,
    size: incoming.length,
    blockSize: 131072,
    hashes: hash('sha256', incoming, 'buffer'),
    modifiedS: 1_700_000_000,
    ...more,
  } satisfies Placement
  return place({ kind: 'place', root, items: [item], data: incoming })[0]
}

for (const noLinks of [false, true])
  test(`a file takes the place of the one expected (links: ${!noLinks})`, () => {
    moment.noLinks = noLinks
    expect(put('')).toEqual({ stat: expect.any(String) })
    expect(put(stateOf())).toEqual({ stat: stateOf() })
    expect(readFileSync(path, 'utf8')).toBe('from the other device')
    expect(names()).toEqual(['note.md'])
  })

test('what a person writes into a file in the moment it is replaced stays', () => {
  writeFileSync(path, 'old')
  const before = stateOf()
  moment.act = () => appendFileSync(path, ', and more')
  expect(put(before)).toEqual({ code: 'changed' })
  expect(readFileSync(path, 'utf8')).toBe('old, and more')
  expect(names()).toEqual(['note.md'])
})

test('what a person puts where there was nothing in that moment stays', () => {
  moment.act = () => writeFileSync(path, 'mine')
  expect(put('')).toEqual({ code: 'changed' })
  expect(readFileSync(path, 'utf8')).toBe('mine')
  expect(names()).toEqual(['note.md'])
})

test('what a person writes into a file in the moment it is deleted stays', () => {
  writeFileSync(path, 'old')
  const item = {
    name: 'd/note.md',
    make: 'nothing',
    replaces: 'other',
    expect: stateOf(),
  } satisfies Placement
  moment.act = () => appendFileSync(path, ', and more')
  const remove = () => place({ kind: 'place', root, items: [item], data: new Uint8Array(0) })
  expect(remove()).toEqual([{ code: 'changed' }])
  expect(readFileSync(path, 'utf8')).toBe('old, and more')
  expect(names()).toEqual(['note.md'])
  writeFileSync(path, 'old')
  const fresh = { ...item, expect: stateOf() }
  expect(place({ kind: 'place', root, items: [fresh], data: new Uint8Array(0) })).toEqual([
    { stat: '' },
  ])
  expect(names()).toEqual([])
})

test('a conflict copy is only made where the other version could be placed', () => {
  writeFileSync(path, 'mine')
  const conflict = 'd/note.sync-conflict-20261123-190000-ABCDEFG.md'
  const make = { make: 'moved', from: 'd/gone.md', fromExpect: '1.2.3', conflict } as const
  expect(put(stateOf(), make)).toEqual({ code: 'moved-changed' })
  expect(names()).toEqual(['note.md'])
  expect(put(stateOf(), { conflict })).toEqual({ stat: stateOf() })
  expect(names().toSorted()).toEqual(['note.md', conflict.slice(2)])
})

test('what is to be deleted in a directory that is gone is gone', () => {
  const item = { name: 'x/y/z', make: 'nothing', replaces: 'other', expect: '1.2.3' } as const
  expect(place({ kind: 'place', root, items: [item], data: new Uint8Array(0) })).toEqual([
    { stat: '' },
  ])
  expect(readdirSync(root)).toEqual(['d'])
})
