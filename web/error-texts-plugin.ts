import type { Plugin } from 'vite'
import { errorRegistry, type ErrorEntry } from '../shared/errors/registry.ts'

/**
 * Takes the texts out of the error registry that the page is built with, and makes a file of them for each language:
 * half of the registry's size is the language that is not read, and the first screen shows no error.
 */
export function errorTextsApart(): Plugin {
  const entries: [string, ErrorEntry][] = Object.entries(errorRegistry)
  const facts = entries.map(([code, { en: _en, zh: _zh, ...rest }]) => [code, rest])
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
export const isErrorCode = (code) => Object.hasOwn(errorRegistry, code)`
      return undefined
    },
  }
}
