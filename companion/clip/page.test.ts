import { parseHTML } from 'linkedom'
import { describe, expect, it } from 'vitest'
import { linksOf, tagsOf } from '#shared/notes/note-text.ts'
import { markdownOf, type PageNode } from './markdown.ts'
import { readPage } from './page.ts'

const base = 'https://paper.example/2026/report.html'
const markdown = (html: string): string => markdownOf(parseHTML(`<html><body>${html}</body></html>`).document.body as unknown as PageNode, base) // prettier-ignore

describe('markdown of a page', () => {
  it('keeps structure', () => {
    expect(markdown('<h2>A <em>b</em></h2><p>One<br>two <b> bold</b>.</p><ul><li>x<ul><li>y</li></ul></li><li>z</li></ul><ol><li>p</li><li>q</li></ol><blockquote><p>said</p></blockquote><pre>a\n  b</pre><hr>')) // prettier-ignore
      .toBe('## A *b*\n\nOne\ntwo **bold**.\n\n- x\n\n  - y\n- z\n\n1. p\n2. q\n\n> said\n\n```\na\n  b\n```\n\n---\n') // prettier-ignore
    expect(markdown('<table><tr><th>Item</th><th>Price</th></tr><tr><td>a|b</td><td>5</td></tr></table>')).toBe('| Item | Price |\n| --- | --- |\n| a\\|b | 5 |\n') // prettier-ignore
  })

  it('makes addresses whole and leaves out those that are none to follow', () => {
    expect(markdown('<p><a href="../x (1).html">x</a> <a href="javascript:alert(1)">y</a> <a href="file:///etc/passwd">z</a> <img src="/p.png" alt="chart"> <img src="/q.png"></p>')) // prettier-ignore
      .toBe(
        '[x](https://paper.example/x%20%281%29.html) y z [chart](https://paper.example/p.png)\n',
      )
  })

  it('lets a page write neither links, tags nor markup of a note', () => {
    const text = markdown('<p># not a heading</p><p>[[Secret]] #tag *a* `b` &lt;script&gt;alert(1)&lt;/script&gt; ![x](y)</p><p>- no list</p><p>1. none</p><script>alert(2)</script>') // prettier-ignore
    expect(linksOf(text)).toEqual([])
    expect(tagsOf(text)).toEqual([])
    expect(text).toBe('\\# not a heading\n\n\\[\\[Secret\\]\\] \\#tag \\*a\\* \\`b\\` \\<script>alert(1)\\</script> !\\[x\\](y)\n\n\\- no list\n\n1\\. none\n') // prettier-ignore
  })

  it('bears pages that go very deep', () => {
    expect(markdown(`${'<div>'.repeat(5000)}deep${'</div>'.repeat(5000)}after`)).toContain('after')
  })
})

describe('a page', () => {
  const article = Array.from({ length: 8 }, (_, n) => `<p>Paragraph ${n} of the report says something, with commas, about the valve and its seal, at length.</p>`).join('') // prettier-ignore
  const html = `<!doctype html><html><head><title>Valves in winter — Paper</title><meta property="og:site_name" content="Paper"><meta name="author" content="Lena Brandt"><meta property="article:published_time" content="2026-03-12T08:00:00Z"></head><body><nav><a href="/">Home</a> Subscribe now</nav><article><h1>Valves in winter</h1>${article}</article><aside>Advertisement: buy pumps</aside><footer>Cookies</footer></body></html>`

  it('becomes its article', () => {
    const page = readPage(html, base)
    expect(page).toMatchObject({ author: 'Lena Brandt', site: 'Paper', published: '2026-03-12T08:00:00Z' }) // prettier-ignore
    expect(page.title).toContain('Valves in winter')
    expect(page.markdown).toContain('Paragraph 7 of the report')
    for (const noise of ['Subscribe', 'Advertisement', 'Cookies', '<p>']) expect(page.markdown).not.toContain(noise) // prettier-ignore
  })

  it('is kept whole where it has no article, and refused where it has nothing', () => {
    expect(readPage('<ul><li>one</li><li>two</li></ul>', base).markdown).toBe('- one\n- two\n')
    expect(readPage('plain', base).title).toBe('paper.example')
    for (const empty of ['', '<script>x</script>', '<p>  </p>'])
      expect(() => readPage(empty, base), empty).toThrow(expect.objectContaining({ code: 'clip_empty' })) // prettier-ignore
  })
})
