import { describe, expect, it } from 'vitest'
import { partialMatch, StopFilter } from './stop-filter.ts'
import { ToolCallReader } from './tool-calls.ts'

describe('stop filter', () => {
  it('cuts at the first stop string, wherever the pieces break', () => {
    const filter = new StopFilter(['STOP', '\n\n'])
    expect(['one S', 'T', 'O', 'P two'].map((text) => filter.push(text))).toEqual([
      'one ',
      '',
      '',
      '',
    ])
    expect(filter.stopped).toBe(true)
    expect(filter.flush()).toBe('')
  })

  it('gives back what only looked like a stop string', () => {
    const filter = new StopFilter(['STOP'])
    expect(filter.push('ST')).toBe('')
    expect(filter.push('ART')).toBe('START')
    expect(filter.push(' S')).toBe(' ')
    expect(filter.flush()).toBe('S')
  })

  it('finds the longest partial match', () => {
    expect(partialMatch('xaba', 'abab')).toBe(3)
    expect(partialMatch('x', 'abc')).toBe(0)
  })
})

describe('tool call reader', () => {
  it('finds tagged calls among text', () => {
    const pieces = feed('Hm. <tool_call>\n{"name":"f","arguments":{"x":1}}\n</tool_call>')
    expect(pieces.at(-1)).toEqual({ call: { id: 'call_1', name: 'f', arguments: '{"x":1}' } })
    expect(textOf(pieces.slice(0, -1))).toBe('Hm. ')
  })

  it('takes a bare object and a call without its closing tag', () => {
    expect(feed('{"name":"f"}')).toEqual([{ call: { id: 'call_1', name: 'f', arguments: '{}' } }])
    expect(feed('<tool_call>{"name":"f"}')).toHaveLength(1)
  })

  it.each(['```json\n{"name":"f"}\n```', '```\n{"name": "f"}```\n', ' ```json {"name":"f"} ```'])(
    'takes a call in a code block: %j',
    (text) => {
      expect(feed(text)).toEqual([{ call: { id: 'call_1', name: 'f', arguments: '{}' } }])
    },
  )

  it('gives a code block that is no call as text, and what begins otherwise at once', () => {
    const other = ['```json\n{"a":1}\n```', '```js\nf()\n```', '`f` is it.', '``']
    for (const text of other) expect(textOf(feed(text))).toBe(text)
    expect(textOf(new ToolCallReader(new Set(['f']), () => '1').push('```python\n'))).toBe(
      '```python\n',
    )
  })

  it('gives back what is no call', () => {
    expect(feed('{"a":1}')).toEqual([{ text: '{"a":1}' }])
    const unknown = '<tool_call>{"name":"g"}</tool_call>'
    expect(feed(unknown)).toEqual([{ text: unknown }])
  })
})

/** All pieces of a text that arrives one character at a time. */
function feed(text: string): unknown[] {
  const reader = new ToolCallReader(new Set(['f']), () => 'call_1')
  return [...[...text].flatMap((char) => reader.push(char)), ...reader.flush()]
}

function textOf(pieces: readonly unknown[]): string {
  return pieces.map((piece) => (piece as { text: string }).text).join('')
}
