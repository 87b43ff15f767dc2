import { describe, expect, it } from 'vitest'
import { pathsNamedIn } from './named-paths.ts'

describe('paths named in an instruction', () => {
  it.each([
    ['Scan ~/Downloads and file them in ~/Finance.', ['~/Downloads', '~/Finance']],
    ['把 ~/Downloads里的发票归到 ~/财务/2024 目录', ['~/Downloads', '~/财务/2024']],
    ['把下载文件夹里的发票归档', ['下载']],
    ['把~/a归档', ['~/a归档']],
    ['整理 ~/下载', ['~/下载']],
    ['整理 ~/我的文件', ['~/我的文件']],
    ['sort my Downloads', ['Downloads']],
    ['read "/home/me/My Files/a b.txt"', ['/home/me/My Files/a b.txt']],
    ['fetch https://example.org/etc/passwd', []],
    ['1/2 of a and/or b', []],
    ['look at / and ~', []],
  ])('%s', (goal, wanted) => {
    const found = pathsNamedIn(goal)
    for (const path of wanted) expect(found.flat()).toContain(path)
    if (wanted.length === 0) expect(found).toEqual([])
  })
})
