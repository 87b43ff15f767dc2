import { describe, expect, it } from 'vitest'
import { baseName, folderOf, pathCrumbs } from './path-crumbs.ts'

describe('pathCrumbs', () => {
  it('walks a POSIX path from the root', () => {
    expect(pathCrumbs('/home/li/文档')).toEqual([
      { name: '/', path: '/' },
      { name: 'home', path: '/home' },
      { name: 'li', path: '/home/li' },
      { name: '文档', path: '/home/li/文档' },
    ])
    expect(pathCrumbs('/')).toEqual([{ name: '/', path: '/' }])
    expect(pathCrumbs('/a//b/')).toHaveLength(3)
  })

  it('keeps the backslash after a drive letter', () => {
    expect(pathCrumbs('C:\\Users\\li')).toEqual([
      { name: 'C:', path: 'C:\\' },
      { name: 'Users', path: 'C:\\Users' },
      { name: 'li', path: 'C:\\Users\\li' },
    ])
  })

  it('takes server and share as one root', () => {
    expect(pathCrumbs('\\\\nas\\team\\docs')).toEqual([
      { name: '\\\\nas\\team', path: '\\\\nas\\team' },
      { name: 'docs', path: '\\\\nas\\team\\docs' },
    ])
  })
})

describe('baseName and folderOf', () => {
  it('split a path', () => {
    expect(baseName('/a/b/c.md')).toBe('c.md')
    expect(baseName('C:\\a\\c.md')).toBe('c.md')
    expect(baseName('/')).toBe('/')
    expect(folderOf('/a/b/c.md')).toBe('/a/b')
    expect(folderOf('C:\\a\\c.md')).toBe('C:\\a')
    expect(folderOf('/c.md')).toBe('')
  })
})
