import { expect, test } from 'vitest'
import { conflictName, isSafeName, nameOfTemporary, shortIdText, temporaryName } from './names.ts'

test('names that a folder may hold', () => {
  for (const name of [
    'a',
    'a/b.txt',
    '.hidden',
    '中文/文件.md',
    'a b',
    '..a',
    'CON',
    'x'.repeat(255),
  ])
    expect(isSafeName(name, 'linux'), name).toBe(true)
  for (const name of [
    'CON',
    'a/nul.txt',
    'a:b',
    'a\\b',
    'ends.',
    'ends ',
    'a?',
    'COM1',
    'lpt¹.txt',
  ])
    expect(isSafeName(name, 'win32'), name).toBe(false)
})

test('temporary names lie beside the file and fit, whatever its length', () => {
  expect(temporaryName('a/b.txt')).toBe('a/.syncthing.b.txt.tmp')
  expect(nameOfTemporary('a/.syncthing.b.txt.tmp')).toBe('a/b.txt')
  const long = temporaryName(`a/${'中'.repeat(85)}`)
  expect(Buffer.byteLength(long.slice(2))).toBeLessThan(255)
  expect(isSafeName(long)).toBe(false)
})

test('conflict copies are named as Syncthing names them', () => {
  const at = new Date(2026, 10, 23, 6, 42, 9)
  // The short id of the device AIR6LPZ-…
  const device = 0x02_23_e5_bf_20_00_00_00n
  expect(shortIdText(device)).toBe('AIR6LPZ')
  expect(conflictName('a/report.txt', device, at)).toBe(
    'a/report.sync-conflict-20261123-064209-AIR6LPZ.txt',
  )
  expect(conflictName('.profile', device, at)).toBe(
    '.profile.sync-conflict-20261123-064209-AIR6LPZ',
  )
  const long = conflictName(`${'é'.repeat(126)}.md`, device, at)
  expect(Buffer.byteLength(long)).toBeLessThanOrEqual(255)
  expect(long.endsWith('.md')).toBe(true)
})
