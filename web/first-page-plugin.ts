import type { Plugin } from 'vite'
import { errorRegistry, type ErrorEntry } from '../shared/errors/registry.ts'

/**
 * Takes the texts out of the error registry that the page is built with, and makes a file of them for each language:
 * half of the registry's size is the language that is not read, and the first screen shows no error.
 */
export function errorTextsApart(): Plugin {
  const entries: [string, ErrorEntry][] = Object.entries(errorRegistry)
  // What most entries have in common is left out, and put back by the page.
  const facts = entries.map(([code, { en: _en, zh: _zh, httpStatus, retryable, recovery }]) => [
    code,
    [httpStatus, Number(retryable), recovery].slice(0, recovery ? 3 : retryable ? 2 : 1),
  ])
  const textsIn = (language: 'en' | 'zh') =>
    `export const texts = ${JSON.stringify(Object.fromEntries(entries.map(([code, entry]) => [code, entry[language]])))}`
  return {
    name: 'silo-error-texts',
    apply: 'build',
    enforce: 'pre',
    load(id) {
      const path = id.replaceAll('\\', '/')
      if (path.endsWith('/shared/errors/texts-en.ts')) return textsIn('en')
      if (path.endsWith('/shared/errors/texts-zh.ts')) return textsIn('zh')
      if (path.endsWith('/shared/errors/registry.ts'))
        return `export const errorRegistry = ${JSON.stringify(Object.fromEntries(facts))}
for (const [code, [httpStatus, retryable = 0, recovery]] of Object.entries(errorRegistry))
  errorRegistry[code] = { httpStatus, retryable: retryable === 1, ...(recovery ? { recovery } : {}) }
export const isErrorCode = (code) => Object.hasOwn(errorRegistry, code)`
      return undefined
    },
  }
}

/** The router's serialiser, in the page: without servers plain JSON will do. */
export function plainValuesOnly(): Plugin {
  return {
    name: 'silo-plain-values',
    apply: 'build',
    enforce: 'pre',
    resolveId(id) {
      if (id !== 'devalue' || this.environment.name !== 'client') return undefined
      return this.resolve('#web/plain-values.ts')
    },
  }
}
