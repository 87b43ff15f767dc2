import * as v from 'valibot'
import type { ToolCall } from '#shared/contracts/engine.ts'
import { partialMatch } from './stop-filter.ts'

const open = '<tool_call>'
const close = '</tool_call>'

const callSchema = v.object({
  name: v.string(),
  arguments: v.optional(v.union([v.record(v.string(), v.unknown()), v.string()]), {}),
})

/** Reads `{"name": …, "arguments": …}`; undefined when it is no call of a known tool. */
export function parseToolCall(
  text: string,
  known: ReadonlySet<string>,
  id: string,
): ToolCall | undefined {
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch {
    return undefined
  }
  const parsed = v.safeParse(callSchema, json)
  if (!parsed.success || !known.has(parsed.output.name)) return undefined
  const { name, arguments: args } = parsed.output
  return { id, name, arguments: typeof args === 'string' ? args : JSON.stringify(args) }
}

export type Piece = { text: string } | { call: ToolCall }

/**
 * Finds `<tool_call>{json}</tool_call>` in streamed text. What turns out to be no call is given back as text.
 * Some models leave the tags out, or write a code block instead, so an answer that begins with `{`, in a block or not, is
 * held back and read as a whole.
 */
export class ToolCallReader {
  readonly #known: ReadonlySet<string>
  readonly #newId: () => string
  #held = ''
  #inside = false
  /** Undecided until enough of its beginning came. */
  #bare: boolean | undefined
  calls = 0

  constructor(known: ReadonlySet<string>, newId: () => string) {
    this.#known = known
    this.#newId = newId
  }

  push(text: string): Piece[] {
    this.#held += text
    const pieces: Piece[] = []
    this.#bare ??= isBare(this.#held.trimStart())
    if (this.#bare !== false) return pieces
    for (;;) {
      if (this.#inside) {
        const end = this.#held.indexOf(close)
        if (end < 0) return pieces
        pieces.push(this.#close(this.#held.slice(0, end), close))
        this.#held = this.#held.slice(end + close.length)
        continue
      }
      const start = this.#held.indexOf(open)
      if (start < 0) {
        const hold = partialMatch(this.#held, open)
        this.#say(pieces, this.#held.slice(0, this.#held.length - hold))
        this.#held = this.#held.slice(this.#held.length - hold)
        return pieces
      }
      this.#say(pieces, this.#held.slice(0, start))
      this.#held = this.#held.slice(start + open.length)
      this.#inside = true
    }
  }

  /** The end of the answer: some models leave the closing tag out. */
  flush(): Piece[] {
    const pieces: Piece[] = []
    if (this.#bare) {
      const body = fence.exec(this.#held.trim())?.[1] ?? this.#held
      const call = parseToolCall(body, this.#known, this.#newId())
      if (call) this.calls++
      pieces.push(call ? { call } : { text: this.#held })
    } else if (this.#inside) pieces.push(this.#close(this.#held, ''))
    else this.#say(pieces, this.#held)
    this.#held = ''
    return pieces
  }

  #close(body: string, tail: string): Piece {
    this.#inside = false
    const call = parseToolCall(body, this.#known, this.#newId())
    if (!call) return { text: open + body + tail }
    this.calls++
    return { call }
  }

  #say(pieces: Piece[], text: string): void {
    // Line breaks between calls are layout, not an answer.
    if (text && !(this.calls > 0 && text.trim() === '')) pieces.push({ text })
  }
}

const fence = /^```(?:json)?\s*(\{[^]*\})\s*```$/

/** Does an answer that begins like this begin with `{`, in a code block or not? Undefined while that is open. */
function isBare(start: string): boolean | undefined {
  if (/^(?:```(?:json)?\s*)?\{/.test(start)) return true
  return /^(?:`{0,2}|```(?:j|js|jso|json)?\s*)$/.test(start) ? undefined : false
}
