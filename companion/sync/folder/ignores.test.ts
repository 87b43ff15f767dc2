import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { IgnorePatterns, readIgnores } from './ignores.ts'

const root = mkdtempSync(join(tmpdir(), 'silo-ignores-'))
afterAll(() => rmSync(root, { recursive: true }))

const patterns = (...lines: string[]) => new IgnorePatterns({ lines, foldCase: false })

test.for([
  ['foo', ['foo', 'a/foo', 'foo/bar', 'a/foo/b/c'], ['food', 'a/xfoo']],
  ['/foo', ['foo', 'foo/bar'], ['a/foo']],
  ['*.o', ['x.o', 'a/b/x.o'], ['x.oo', 'xo']],
  ['/a/*', ['a/b', 'a/b/c'], ['a', 'x/a/b']],
  ['a/**/z', ['a/b/z', 'a/b/c/z', 'x/a/b/z'], ['a/z/y']],
  ['**/tmp', ['tmp', 'a/tmp', 'a/tmp/x'], ['atmp']],
  ['build/', ['build/x', 'a/build/x'], ['build']],
  ['f?o', ['foo', 'fxo'], ['f/o', 'fo']],
  ['[a-c]x', ['ax', 'd/bx'], ['dx']],
  ['[!a]x', ['bx'], ['ax']],
  ['*.{jpg,png}', ['a.jpg', 'b/c.png'], ['a.gif']],
  ['\\*x', ['*x'], ['ax']],
  ['(?i)readme', ['README', 'a/ReadMe'], ['readm']],
  ['a.b', ['a.b'], ['axb']],
] as const)('%s', ([line, ignored, kept]) => {
  for (const name of ignored) expect(patterns(line).ignores(name), name).toBe(true)
  for (const name of kept) expect(patterns(line).ignores(name), name).toBe(false)
})

test('the first pattern that matches decides', () => {
  const some = patterns('!/keep/*.md', '(?d)/keep', '*.md')
  expect(some.hasExceptions).toBe(true)
  expect(some.ignores('keep/a.md')).toBe(false)
  expect(some.check('keep/a.txt')).toMatchObject({ ignored: true, deletable: true })
  expect(some.check('other.md')).toMatchObject({ ignored: true, deletable: false })
})

test('comments are passed over and files are included; a missing one is an error', async () => {
  writeFileSync(join(root, '.stignore'), '// a comment\n\n#include more.txt\n*.bak\n')
  await expect(readIgnores(root)).rejects.toMatchObject({ code: 'sync_ignores_broken' })
  writeFileSync(join(root, 'more.txt'), '*.swp\n#include .stignore\n')
  await expect(readIgnores(root)).rejects.toMatchObject({ code: 'sync_ignores_broken' })
  writeFileSync(join(root, 'more.txt'), '*.swp\n')
  const read = await readIgnores(root)
  expect(['a.swp', 'a.bak', 'a.txt'].map((name) => read.ignores(name))).toEqual([true, true, false])
  for (const bad of ['#include ../outside', '[open', '{open']) {
    writeFileSync(join(root, '.stignore'), bad)
    await expect(readIgnores(root)).rejects.toMatchObject({ code: 'sync_ignores_broken' })
  }
})
