import { errorRegistry } from './registry.ts'

/** Code → text. The page's build replaces this by the texts themselves. */
export const texts: Readonly<Record<string, string>> = Object.fromEntries(
  Object.entries(errorRegistry).map(([code, { zh }]) => [code, zh]),
)
