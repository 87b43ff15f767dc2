/** How long after the first page what it does not need is fetched, ms; earlier when a person begins to use it. */
const settledMs = 2500
const signs = ['pointerdown', 'keydown'] as const

/** Calls `begin` once, when the page has stood for a while or is first used. The answer calls that off. */
export function whenSettled(begin: () => void): () => void {
  const stop = (): void => {
    clearTimeout(timer)
    for (const sign of signs) removeEventListener(sign, go, true)
  }
  const go = (): void => {
    stop()
    begin()
  }
  const timer = setTimeout(go, settledMs)
  for (const sign of signs) addEventListener(sign, go, true)
  return stop
}
