import type { NoteLink } from '#shared/protocol/notes.ts'

const wikiLink = /\[\[([^[\]\n|]+)(?:\|([^[\]\n]+))?\]\]/g

/** Markdown in which `[[target|words]]` leads to the note it means; one that is not written yet is shown as words. */
export function withLinks(
  text: string,
  links: readonly NoteLink[],
  addressOf: (path: string) => string,
): string {
  const paths = new Map(links.map(({ target, path }) => [target, path]))
  return outsideCode(text, (part) =>
    part.replace(wikiLink, (_whole, target: string, words: string | undefined) => {
      const path = paths.get(target.trim())
      const shown = (words ?? target).trim().replace(/[\\[\]]/g, '\\$&')
      return path ? `[${shown}](<${addressOf(path)}>)` : `*${shown}*`
    }),
  )
}

/** The front matter is shown as facts, not as text. */
export function withoutFrontMatter(text: string): string {
  return text.replace(/^---\r?\n[\s\S]*?\r?\n---\s*(\r?\n|$)/, '')
}

function outsideCode(text: string, change: (part: string) => string): string {
  // Odd pieces are code: between fences, or between backticks in a line.
  return text
    .split(/(^```[\s\S]*?^```[^\S\n]*$|`[^`\n]*`)/m)
    .map((part, index) => (index % 2 === 1 ? part : change(part)))
    .join('')
}

/** What is being typed after `[[` before the caret, or undefined where no link is begun. */
export function begunLink(
  text: string,
  caret: number,
): { start: number; query: string } | undefined {
  const line = text.slice(text.lastIndexOf('\n', caret - 1) + 1, caret)
  const open = line.lastIndexOf('[[')
  if (open < 0) return undefined
  const query = line.slice(open + 2)
  return /[\]|]/.test(query) ? undefined : { start: caret - query.length, query }
}

/** What Enter adds in a list: the same mark on the next line; `''` where an empty item ends the list. */
export function nextItem(
  text: string,
  caret: number,
): { replaceFrom: number; insert: string } | undefined {
  const lineStart = text.lastIndexOf('\n', caret - 1) + 1
  const match = /^(\s*)([-*+]|(\d{1,9})[.)])(\s+)(\[[ xX]\]\s+)?(.*)$/.exec(
    text.slice(lineStart, caret),
  )
  if (!match) return undefined
  const [, indent = '', mark = '', number, space = ' ', box, rest] = match
  if (!rest) return { replaceFrom: lineStart, insert: '' }
  const next = number ? mark.replace(number, String(Number(number) + 1)) : mark
  return { replaceFrom: caret, insert: `\n${indent}${next}${space}${box ? '[ ] ' : ''}` }
}
