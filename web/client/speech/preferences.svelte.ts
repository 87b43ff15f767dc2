/** `interface` speaks as the texts are shown; `any` is recognised, at twice the time. */
export type SpokenLanguage = 'interface' | 'zh' | 'en' | 'any'

const spokenLanguages: readonly SpokenLanguage[] = ['interface', 'zh', 'en', 'any']

function remembered(key: string): string | null {
  try {
    return localStorage.getItem(`silo.${key}`)
  } catch {
    return null
  }
}

function remember(key: string, value: string | null): void {
  try {
    if (value === null) localStorage.removeItem(`silo.${key}`)
    else localStorage.setItem(`silo.${key}`, value)
  } catch {
    // Storage is full or forbidden: the choice lasts as long as the page.
  }
}

/** How this browser listens and speaks. */
class SpeechPreferences {
  #spoken = $state<SpokenLanguage>(
    spokenLanguages.find((value) => value === remembered('voice.language')) ?? 'interface',
  )
  #sends = $state(remembered('voice.sends') === '1')
  #voices = $state<Record<string, string>>({
    zh: remembered('voice.zh') ?? '',
    en: remembered('voice.en') ?? '',
  })

  get spoken(): SpokenLanguage {
    return this.#spoken
  }
  set spoken(value: SpokenLanguage) {
    this.#spoken = value
    remember('voice.language', value === 'interface' ? null : value)
  }

  /** The language recordings are said to be in; undefined: it is to be recognised. `shown`: that of the texts. */
  spokenNow(shown: 'zh' | 'en'): 'zh' | 'en' | undefined {
    if (this.#spoken === 'any') return undefined
    return this.#spoken === 'interface' ? shown : this.#spoken
  }

  /** Whether what was said is sent without being looked at; off unless switched on. */
  get sends(): boolean {
    return this.#sends
  }
  set sends(value: boolean) {
    this.#sends = value
    remember('voice.sends', value ? '1' : null)
  }

  /** The voice that reads aloud, by its URI; empty: the first one of the platform. */
  voice(of: 'zh' | 'en'): string {
    return this.#voices[of] ?? ''
  }
  setVoice(of: 'zh' | 'en', uri: string): void {
    this.#voices[of] = uri
    remember(`voice.${of}`, uri || null)
  }
}

export const speechPreferences = new SpeechPreferences()
