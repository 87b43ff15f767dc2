import { describe, expect, it } from 'vitest'
import { ArtifactExtractor, type ExtractedArtifact } from './artifact-extractor.ts'

/** Feeds `text` in pieces of `size` characters. */
function extract(text: string, size = text.length): ExtractedArtifact[] {
  const extractor = new ArtifactExtractor()
  const found: ExtractedArtifact[] = []
  for (let at = 0; at < text.length; at += size)
    found.push(...extractor.push(text.slice(at, at + size)))
  return [...found, ...extractor.end()]
}
const lines = (count: number): string => Array.from({ length: count }, (_, n) => `line ${n}`).join('\n') // prettier-ignore

describe('artifact extractor', () => {
  it('finds each kind, whatever the pieces the text comes in', () => {
    const answer = [
      'Look:',
      '```html',
      '<!doctype html><title>My &amp; page</title>',
      '```',
      '```svg\n<svg><title>Dot</title></svg>\n```',
      '~~~csv\na,b\n1,2\n~~~',
      '```vega-lite\n{"title": "Sales", "mark": "bar"}\n```',
      '```json\n{"$schema": "https://vega.github.io/schema/vega-lite/v6.json"}\n```',
      '```mermaid\ngraph TD; A-->B\n```',
      `\`\`\`ts title="src/clock.ts"\n${lines(12)}\n\`\`\``,
      `\`\`\`python\n# Sorts files\n${lines(12)}\n\`\`\``,
    ].join('\n')
    const whole = extract(answer)
    expect(whole.map((found) => [found.kind, found.title, found.key])).toEqual([
      ['html', 'My & page', 'html:my-page'],
      ['svg', 'Dot', 'svg:dot'],
      ['csv', '', 'csv'],
      ['chart', 'Sales', 'chart:sales'],
      ['chart', '', 'chart'],
      ['diagram', '', 'diagram'],
      ['code', 'src/clock.ts', 'code:src-clock-ts'],
      ['code', 'Sorts files', 'code:sorts-files'],
    ])
    expect(whole.every((found) => found.complete)).toBe(true)
    for (const size of [1, 2, 7]) expect(extract(answer, size)).toEqual(whole)
  })

  it('gives an artifact out as soon as its fence closes', () => {
    const extractor = new ArtifactExtractor()
    expect(extractor.push('```html\n<p>a</p>\n``')).toEqual([])
    expect(extractor.push('`\n')).toMatchObject([{ content: '<p>a</p>\n', complete: true }])
    expect(extractor.push('and then\n')).toEqual([])
  })

  it('leaves short code, empty blocks and inline code in the text', () => {
    expect(extract('`x`\n```js\nlet a\n```\n```html\n\n```\n')).toEqual([])
  })

  it('marks what the answer ended inside of', () => {
    expect(extract('```svg\n<svg>')).toMatchObject([{ kind: 'svg', complete: false }])
    expect(extract('<!DOCTYPE html>\n<html><body>')).toMatchObject([{ complete: false }])
  })

  it('takes a full HTML document without a fence', () => {
    const [page] = extract('Here:\n<!DOCTYPE html>\n<html>\n<h1>时钟</h1>\n</html>\nDone.')
    expect(page).toMatchObject({ kind: 'html', title: '时钟', key: 'html:时钟', complete: true })
    expect(page?.content.endsWith('</html>\n')).toBe(true)
  })

  it('keeps fences inside a Markdown block, and longer fences around shorter ones', () => {
    const inner = '# Guide\n```js\nlet a\n```\nend'
    expect(extract(`\`\`\`markdown\n${inner}\n\`\`\`\n`)).toMatchObject([
      { kind: 'markdown', title: 'Guide', content: `${inner}\n` },
    ])
    expect(extract(`\`\`\`\`md\n${inner}\n\`\`\`\`\n`)).toMatchObject([{ content: `${inner}\n` }])
  })

  it('takes off the indentation of a block in a list, and carriage returns', () => {
    expect(extract('1. x\n   ```csv\r\n   a,b\r\n   1,2\r\n   ```\r\n')).toMatchObject([
      { content: 'a,b\n1,2\n' },
    ])
  })
})
