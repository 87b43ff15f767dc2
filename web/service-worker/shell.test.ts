import { describe, expect, it } from 'vitest'
import { importsOf, kindOf, resourcesOf } from './shell.ts'

const build = {
  origin: 'http://127.0.0.1:7450',
  immutablePaths: new Set(['/_app/immutable/chunks/a.js']),
  assetPaths: new Set(['/logo.svg', '/frame.html']),
}
const get = { method: 'GET', mode: 'cors', destination: '' }
const page = { method: 'GET', mode: 'navigate', destination: 'document' }
const kind = (request: typeof get, path: string) =>
  kindOf(request, new URL(path, build.origin), build)

describe('what a request is', () => {
  it('never touches what the companion answers', () => {
    for (const path of ['/api/conversations', '/api', '/v1/models', '/v1/chat/completions']) {
      expect(kind(get, path)).toBe('pass')
      expect(kind(page, path)).toBe('pass')
    }
    expect(kind({ ...get, method: 'POST' }, '/logo.svg')).toBe('pass')
    expect(kind(get, 'http://127.0.0.1:9/logo.svg')).toBe('pass')
  })

  it('knows files and pages of the app', () => {
    expect(kind(get, '/_app/immutable/chunks/a.js')).toBe('file')
    expect(kind({ ...page, destination: 'iframe' }, '/frame.html')).toBe('file')
    expect(kind(page, '/')).toBe('page')
    expect(kind(page, '/c/01ABC?x=1')).toBe('page')
    expect(kind(page, '/vault')).toBe('page')
    expect(kind({ ...page, destination: 'iframe' }, '/vault')).toBe('pass')
    expect(kind(get, '/_app/version.json')).toBe('pass')
  })

  it('takes what is shared, and no other form', () => {
    const form = { ...page, method: 'POST' }
    expect(kind(form, '/share')).toBe('share')
    expect(kind({ ...form, mode: 'cors' }, '/share')).toBe('pass')
    expect(kind(form, '/share/more')).toBe('pass')
    expect(kind(form, '/api/share')).toBe('pass')
    expect(kind(form, 'http://127.0.0.1:9/share')).toBe('pass')
    expect(kind(page, '/share')).toBe('page')
  })

  it('leaves an address with a start token to the companion', () => {
    expect(kind(page, '/?token=abc')).toBe('pass')
  })
})

describe('what a file needs', () => {
  it('finds what the page names', () => {
    const html = `<link href="/_app/immutable/entry/start.js" rel="modulepreload">
      <link rel="icon" href="/logo.svg" /><script>import("/_app/immutable/entry/app.js")</script>
      <a href="https://example.org/x">x</a>`
    expect(resourcesOf(html)).toEqual([
      '/_app/immutable/entry/start.js',
      '/logo.svg',
      '/_app/immutable/entry/app.js',
    ])
  })

  it('finds static imports of minified modules and leaves dynamic ones out', () => {
    const source = `import{a as b}from"../chunks/a.js";import"../chunks/b.js";import*as c from"./c.js";export{d}from"/_app/immutable/d.js";const e=()=>import("../chunks/lazy.js");import f,{g}from'../chunks/f.js';`
    expect(importsOf(source, '/_app/immutable/nodes/0.js')).toEqual([
      '/_app/immutable/chunks/a.js',
      '/_app/immutable/chunks/b.js',
      '/_app/immutable/nodes/c.js',
      '/_app/immutable/d.js',
      '/_app/immutable/chunks/f.js',
    ])
  })
})
