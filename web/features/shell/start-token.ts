/** The start token in a pasted link or text; undefined where there is none. */
export function startTokenIn(text: string): string | undefined {
  const trimmed = text.trim()
  const linked = /[?&#]token=([A-Za-z0-9_~.-]+)/.exec(trimmed)?.[1]
  if (linked) return linked
  return /^[A-Za-z0-9_~.-]{8,}$/.test(trimmed) ? trimmed : undefined
}
