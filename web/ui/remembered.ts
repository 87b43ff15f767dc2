/** Small choices that belong to this browser: widths, folded panels, drafts. Losing them loses no data. */
export function remember(key: string, value: string | null): void {
  try {
    if (value === null || value === '') localStorage.removeItem(`silo.${key}`)
    else localStorage.setItem(`silo.${key}`, value)
  } catch {
    // Storage is full or forbidden: the choice lasts as long as the page.
  }
}

export function remembered(key: string): string | null {
  try {
    return localStorage.getItem(`silo.${key}`)
  } catch {
    return null
  }
}
