/**
 * Text that somebody else wrote, fenced so that a model can tell it from what it is asked. The fence keeps honest models
 * honest; what stops the others is the policy.
 */
export function fenced(text: string, room: number = Number.POSITIVE_INFINITY): string {
  const cut = cutText(text, room)
  return `<data>\n${cut.replace(/<(\/?)data>/gi, '<$1 data>')}\n</data>`
}

/** The beginning and the end of a text that is too long. */
export function cutText(text: string, room: number): string {
  if (text.length <= room) return text
  const head = Math.max(0, Math.floor(room * 0.75))
  const tail = Math.max(0, Math.floor(room * 0.2))
  return `${text.slice(0, head).toWellFormed()}\n… ${text.length - head - tail} …\n${tail > 0 ? text.slice(-tail).toWellFormed() : ''}`
}

/** A value with long texts and lists cut until its JSON has at most `room` characters. */
export function cutJson(value: unknown, room: number): unknown {
  if ((JSON.stringify(value) ?? '').length <= room) return value
  for (let texts = 2000, items = 200; texts > 10; texts = Math.floor(texts / 2), items = Math.max(2, Math.floor(items / 2))) {
    const cut = cutDeep(value, texts, items)
    if (JSON.stringify(cut).length <= room) return cut
  }
  return { cut: cutText(JSON.stringify(value), Math.max(100, room / 2)) }
} // prettier-ignore

function cutDeep(value: unknown, texts: number, items: number): unknown {
  if (typeof value === 'string') return cutText(value, texts)
  if (Array.isArray(value)) {
    const kept = value.slice(0, items).map((item) => cutDeep(item, texts, items))
    return value.length > items ? [...kept, `… ${value.length - items} more`] : kept
  }
  if (typeof value === 'object' && value !== null)
    return Object.fromEntries(
      Object.entries(value)
        .slice(0, Math.max(items, 20))
        .map(([key, item]) => [key, cutDeep(item, texts, items)]),
    )
  return value
}
