import { JSDOM } from 'jsdom'
import { beforeAll, describe, expect, test } from 'vitest'
import type * as Render from './render.ts'

let renderMarkdown: typeof Render.renderMarkdown
beforeAll(async () => {
  // The sanitiser takes the window it finds when it is loaded.
  Object.assign(globalThis, { window: new JSDOM('').window })
  ;({ renderMarkdown } = await import('./render.ts'))
})

const markers = new Set([1, 2])
const drawMath = (tex: string, display: boolean) => `<i data-display="${display}">${tex.length}</i>`
const blocks = (source: string) => renderMarkdown(source, { markers, drawMath }).blocks
const html = (text: string) =>
  renderMarkdown(text, { markers, drawMath })
    .blocks.map((block) => (block.kind === 'html' ? block.html : ''))
    .join('')

describe('what a model writes runs nothing and fetches nothing', () => {
  test.each([
    '<script>alert(1)</script>',
    '<img src=x onerror=alert(1)>',
    '[a](javascript:alert(1))',
    '[a](java&#115;cript:alert(1))',
    '[a](<java\tscript:alert(1)>)',
    '[a](data:text/html,<script>alert(1)</script>)',
    '<a href=" javascript:alert(1)">x</a>',
    '<svg onload=alert(1)><script>alert(1)</script></svg>',
    '<svg><animate onbegin=alert(1) attributeName=x></svg>',
    '<math><mtext><table><mglyph><style><img src=x onerror=alert(1)></style></mglyph></table></mtext></math>',
    '<iframe srcdoc="<script>alert(1)</script>"></iframe>',
    '<form action=https://e.example><button formaction="javascript:alert(1)">x</button></form>',
    '<style>@import url(https://e.example)</style><link rel=stylesheet href=https://e.example>',
    '<div style="background:url(https://e.example/x)">x</div>',
    '<noscript><p title="</noscript><img src=x onerror=alert(1)>">',
    '<scr<script>ipt>alert(1)</scr</script>ipt>',
    '- a\n  > <img src=`x` onerror=alert(1)>\n  > <object data="javascript:alert(1)">',
    '| a |\n|---|\n| <img src=x onerror=alert(1)> |',
    '![x](javascript:alert(1))',
    '![x](data:image/svg+xml,<svg/onload=alert(1)>)',
    '![x" onerror="alert(1)](data:image/png;base64,AAAA)',
    '[x](https://e.example/" onclick="alert(1))',
    '![logo](https://e.example/a.png)',
    '![logo][r]\n\n[r]: https://e.example/a.png',
  ])('%s', (attack) => {
    const { body } = new JSDOM(`<body>${html(attack)}</body>`).window.document
    const active = 'script,style,iframe,object,embed,form,svg,math,link,base,meta,video,audio'
    expect(body.querySelectorAll(active)).toHaveLength(0)
    for (const node of body.querySelectorAll('*'))
      for (const { name, value } of node.attributes) {
        expect(name).not.toMatch(/^on|^style$|^formaction$|^srcdoc$|^srcset$/)
        if (name === 'src') expect(value).toMatch(/^data:image\/(png|jpeg|gif|webp);/)
        if (name === 'href') expect(value).toMatch(/^(https?:|mailto:|#)/)
      }
  })
  test('links open elsewhere and tell nothing', () => {
    expect(html('[a](https://a.example)')).toMatch(/target="_blank".*rel="noopener noreferrer"/)
  })
})

describe('mathematics and prices', () => {
  test.each([
    '$x^2$',
    '\\(a+b\\)',
    'so $E = mc^2$.',
    '$2x+1$',
    '$$\nx\n$$',
    '\\[\nx\n\\]',
    'Text\n$$x$$\nmore',
  ])(
    // prettier-ignore
    '%s is mathematics',
    (text) => expect(html(text)).toContain('data-display'),
  )
  test.each([
    'It costs $5 and $6.',
    '$5-$6',
    '$20/month, $30',
    '`$x$`',
    '$5, or 6$',
    '$100 美元和 200$',
  ])(
    // prettier-ignore
    '%s is not',
    (text) => expect(html(text)).not.toContain('data-display'),
  )
})

test('a marker is a button where its citation exists', () => {
  expect(html('So it is [1][2].').match(/<button/g)).toHaveLength(2)
  expect(html('[7] [1](https://a.example) `[1]`')).not.toContain('<button')
})

describe('a growing text', () => {
  const text = '# Title\n\nSome **bold**.\n\n```ts\nconst a = 1\n\nconst b\n```\n\n| a | b |\n|---|--:|\n| 1 | 2 |\n\n- one\n- two\n\n```html\n<p>x</p>\n```\n\nEnd.' // prettier-ignore

  test('every prefix can be drawn, and what stands keeps its key', () => {
    for (let end = 1; end < text.length; end++) {
      const before = blocks(text.slice(0, end))
      const after = blocks(text.slice(0, end + 1))
      expect(after.slice(0, before.length - 1).map(({ key }) => key)).toEqual(
        before.slice(0, -1).map(({ key }) => key),
      )
    }
  })
  test('an open fence is code, an unfinished table is text', () => {
    expect(blocks('a\n\n```py\nprint(').at(-1)).toMatchObject({ kind: 'code', closed: false, code: 'print(', fence: 0 }) // prettier-ignore
    expect(html('| a | b |\n')).not.toContain('<table')
  })
  test('a fence within a list counts, as the companion counts it', () => {
    const list = '- see\n  ```js\n  a\n  ```\n\n```html\n<p>\n```'
    expect(blocks(list).at(-1)).toMatchObject({ language: 'html', fence: 1 })
  })
  test('fences are counted in order', () => {
    const code = blocks(text).filter((block) => block.kind === 'code')
    expect(code.map(({ language, fence, closed }) => [language, fence, closed])).toEqual([
      ['ts', 0, true],
      ['html', 1, true],
    ])
  })
})

test('task lists keep their boxes and tables their alignment', () => {
  expect(html('- [x] done\n- [ ] open\n')).toContain('type="checkbox"')
  expect(html('| a | b |\n|---|---:|\n| 1 | 2 |\n')).toContain('align="right"')
})
