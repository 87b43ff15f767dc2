/** What was written and not yet taken over by the companion: it outlives a closed page. */
export interface Draft {
  readonly text: string
  /** Version it was written on; null: a note that is gone. */
  readonly version: string | null
}

const keyOf = (path: string): string => `silo-note:${path}`

export function keepDraft(path: string, draft: Draft): void {
  try {
    localStorage.setItem(keyOf(path), JSON.stringify(draft))
  } catch {
    // Full or forbidden: the page itself still has it.
  }
}

export function dropDraft(path: string): void {
  try {
    localStorage.removeItem(keyOf(path))
  } catch {
    // Nothing is kept where nothing can be.
  }
}

export function keptDraft(path: string): Draft | undefined {
  try {
    const draft: unknown = JSON.parse(localStorage.getItem(keyOf(path)) ?? 'null')
    if (typeof draft !== 'object' || draft === null) return undefined
    const { text, version } = draft as Partial<Draft>
    if (typeof text !== 'string' || (version !== null && typeof version !== 'string'))
      return undefined
    return { text, version }
  } catch {
    return undefined
  }
}
