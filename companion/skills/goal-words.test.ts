import { describe, expect, test } from 'vitest'
import { goalWords } from './goal-words.ts'

const now = Date.UTC(2026, 9, 14, 12)

describe('what an instruction says plainly', () => {
  test.each([
    ['Scan ~/Downloads, find the PDFs and file them in ~/Finance', ['~/Downloads', '~/Finance']],
    ['Rename the documents in ~/Scans by their content', ['~/Scans']],
    ['Documents of the past week: zip those in ~/a b', ['~/a']],
    ['Zip the pictures in "~/My Pictures/2026"', ['~/My Pictures/2026']],
    ['Summarise my documents', ['documents']],
    ['Move the invoices from Downloads to Documents', ['Downloads', 'Documents']],
    ['把下载文件夹里的发票移到 ~/财务', ['下载', '~/财务']],
    ['整理文档', []],
  ])('the folders of %s', (goal, paths) => expect(goalWords(goal, now).paths).toEqual(paths))

  test('the past week is the last seven days', () => {
    expect(goalWords('the files of the past week', now).span?.since).toBe(now - 7 * 24 * 3600 * 1000) // prettier-ignore
    expect(goalWords('the files', now).span).toBeUndefined()
  })

  test('the name of a folder is no time', () => {
    for (const goal of [
      'Zip ~/Finance/2025/Q2 into ~/old.zip',
      '把 ~/财务/2025年/3月 压缩成 ~/a.zip',
    ])
      expect(goalWords(goal, now).span).toBeUndefined()
    expect(goalWords('File the invoices of March 2026 from ~/in in ~/out/2025', now).span).toEqual(
      goalWords('File the invoices of March 2026 from ~/in in ~/out', now).span,
    )
  })
})
