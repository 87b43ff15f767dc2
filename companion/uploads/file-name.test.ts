import { describe, expect, it } from 'vitest'
import { numbered, safeFileName } from './file-name.ts'

describe('names of files from other devices', () => {
  it('keeps ordinary names, Chinese ones included', () => {
    for (const name of ['report.pdf', '厂房租赁合同.pdf', 'a b (1).tar.gz', 'README', 'a.b.c.md'])
      expect(safeFileName(name)).toBe(name)
  })

  it('keeps no part of a path', () => {
    expect(safeFileName('../../etc/passwd')).toBe('passwd')
    expect(safeFileName('C:\\Users\\x\\..\\boot.ini')).toBe('boot.ini')
    expect(safeFileName('/absolute/path.txt/')).toBe('path.txt')
    for (const name of ['..', '.', '/', '\\', '', '   ', '../..', '\u0000', '....'])
      expect(safeFileName(name), JSON.stringify(name)).toMatch(/^(file|_)$/)
  })

  it('takes out what hides, turns or breaks a name', () => {
    expect(safeFileName('.gitignore')).toBe('_gitignore')
    expect(safeFileName('~$lock.docx')).toBe('_lock.docx')
    expect(safeFileName('a\u202egpj.exe')).toBe('agpj.exe')
    expect(safeFileName('a\nb\u0000c.txt')).toBe('abc.txt')
    expect(safeFileName('what?*<x>|".md')).toBe('what___x___.md')
    expect(safeFileName('ends. . ')).toBe('ends')
    expect(safeFileName('half\ud800.txt')).toBe('half_.txt')
    for (const name of ['CON', 'nul.txt', 'Com1.pdf', 'LPT9'])
      expect(safeFileName(name)).toBe(`_${name}`)
    expect(safeFileName('console.txt')).toBe('console.txt')
  })

  it('composes letters and shortens by bytes, keeping the ending', () => {
    expect(safeFileName('cafe\u0301.txt')).toBe('café.txt')
    const long = safeFileName(`${'长'.repeat(300)}.pdf`)
    expect(Buffer.byteLength(long)).toBeLessThanOrEqual(200)
    expect(long).toMatch(/^长+\.pdf$/)
    expect(Buffer.byteLength(safeFileName('x'.repeat(4000)))).toBe(200)
  })

  it('numbers a name before its ending', () => {
    expect(numbered('a.pdf', 1)).toBe('a.pdf')
    expect(numbered('a.pdf', 2)).toBe('a (2).pdf')
    expect(numbered('a.tar.gz', 3)).toBe('a (3).tar.gz')
    expect(numbered('README', 2)).toBe('README (2)')
  })
})
