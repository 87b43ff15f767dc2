import type { Extracted, Segment } from './extract/extracted.ts'
import { guessTokens } from '#shared/generation/token-guess.ts'

/** A passage. `text` is exactly `extracted.text.slice(start, end)`. */
export interface Chunk {
  readonly text: string
  readonly start: number
  readonly end: number
  readonly headings: readonly string[]
  /** 1-based; 0 where the format has none. */
  readonly page: number
}

/** Tokens aimed at, and never exceeded: the embedding model holds 512 with prefix, title and headings. */
const targetTokens = 260
const maxTokens = 380

/**
 * Cuts a document where its structure does: a chunk never spans two pages, nor two sections, functions or classes
 * unless they are small, nor two mails at all, and never cuts a sentence unless it is longer than a chunk. Its
 * headings are those of the first of its text below them, so that all chunks of a section have the same; in code,
 * those of the longest function it holds.
 */
export function chunkDocument(extracted: Extracted): Chunk[] {
  const chunks: Chunk[] = []
  let open:
    | { start: number; end: number; tokens: number; first: Segment; weight: number; alone: boolean }
    | undefined
  const close = () => {
    if (!open) return
    const text = extracted.text.slice(open.start, open.end)
    if (text.trim()) {
      const { headings, page } = open.first
      chunks.push({ text, start: open.start, end: open.end, headings, page })
    }
    open = undefined
  }
  for (const segment of extracted.segments) {
    for (const piece of split(extracted.text, segment)) {
      const tokens = guessTokens(extracted.text.slice(piece.start, piece.end))
      if (open) {
        const starts = open.tokens > 40 && startsAnew(segment, open.first)
        const turned = segment.page !== open.first.page && open.tokens > 12
        if (segment.part !== open.first.part) close()
        else if (starts || turned || open.tokens + tokens > targetTokens) {
          // A heading belongs to what follows it, so a chunk of headings alone stays open.
          if (!open.alone || open.tokens + tokens > maxTokens) close()
        }
      }
      if (open) {
        open.end = piece.end
        open.tokens += tokens
        open.alone &&= segment.kind === 'heading'
        if (speaksFor(segment, tokens, open)) {
          open.first = segment
          open.weight = tokens
        }
      } else
        open = {
          start: piece.start,
          end: piece.end,
          tokens,
          first: segment,
          weight: tokens,
          alone: segment.kind === 'heading',
        }
    }
  }
  close()
  return chunks
}

/** A heading, or the next function. */
function startsAnew(segment: Segment, first: Segment): boolean {
  if (segment.kind === 'heading') return true
  return segment.kind === 'code' && segment.headings.join('\n') !== first.headings.join('\n')
}

/** Whether the headings of a chunk are rather those of what is added: what follows its headings, or longer code. */
function speaksFor(
  added: Segment,
  tokens: number,
  open: { first: Segment; weight: number },
): boolean {
  const { first, weight } = open
  if (added.page !== first.page) return false
  if (first.kind === 'code') return added.kind === 'code' && tokens > weight
  return first.kind === 'heading' && first.headings.every((heading, index) => added.headings[index] === heading) // prettier-ignore
}

/** What is embedded and searched: the passage under its title and headings. */
export function indexText(title: string, chunk: Chunk): string {
  const context = [title, ...chunk.headings.filter((heading) => heading !== title)].join(' › ')
  return `${context.slice(0, 160)}\n${chunk.text}`
}

function* split(text: string, segment: Segment): Generator<{ start: number; end: number }> {
  const whole = text.slice(segment.start, segment.end)
  if (guessTokens(whole) <= maxTokens) {
    yield segment
    return
  }
  let start = segment.start
  let end = start
  for (const match of whole.matchAll(
    /[^\n。！？；.!?;]*(?:[\n。！？；]|[.!?;]+(?=\s|$)|[.!?;]+|$)\s*/g,
  )) {
    if (!match[0]) continue
    for (const part of hardSplit(match[0])) {
      if (end > start && guessTokens(text.slice(start, end) + part) > targetTokens) {
        yield trimmed(text, start, end)
        start = end
      }
      end += part.length
    }
  }
  if (end > start) yield trimmed(text, start, Math.min(end, segment.end))
}

/** A "sentence" without any end, e.g. minified code or base64. */
function* hardSplit(text: string): Generator<string> {
  const size = 200
  if (guessTokens(text) <= targetTokens) yield text
  else for (let at = 0; at < text.length; at += size) yield text.slice(at, at + size)
}

function trimmed(text: string, start: number, end: number): { start: number; end: number } {
  const raw = text.slice(start, end)
  const lead = raw.length - raw.trimStart().length
  return raw.trim()
    ? { start: start + lead, end: start + raw.trimEnd().length }
    : { start, end: start }
}
