import type { Language } from '#shared/errors/silo-error.ts'
import { fill, type Params } from './fill.ts'

export { fill }

const storageKey = 'silo.language'

function initialLanguage(): Language {
  if (typeof localStorage === 'undefined') return 'en'
  const stored = localStorage.getItem(storageKey)
  if (stored === 'en' || stored === 'zh') return stored
  return navigator.language.toLowerCase().startsWith('zh') ? 'zh' : 'en'
}

class LanguageState {
  #current = $state<Language>(initialLanguage())

  get current(): Language {
    return this.#current
  }

  set(language: Language): void {
    this.#current = language
    localStorage.setItem(storageKey, language)
    document.documentElement.lang = language === 'zh' ? 'zh-CN' : 'en'
  }
}

/** The language of the interface; reading it in a template or derived makes that follow a change. */
export const language = new LanguageState()

type Texts = Record<string, string>

/**
 * The texts of one feature: `const t = translator({ en: {...}, zh: {...} })`, then `t('key', { count: 3 })`.
 * `{name}` holes are filled; in English `{count|file|files}` chooses by number. The type demands every key in both.
 */
export function translator<const T extends Texts>(texts: { en: T; zh: Record<keyof T, string> }) {
  return (key: keyof T & string, params: Params = {}): string =>
    fill(texts[language.current][key] ?? key, params)
}
