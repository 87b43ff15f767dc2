import { speechPreferences } from './preferences.svelte.ts'
import { utterances, type Utterance } from './speakable.ts'

export type ReadingState = 'idle' | 'speaking' | 'paused'

/** Voices come late in some browsers. Milliseconds. */
const voicesMs = 1500
const tags = { zh: /^(zh|cmn)\b/i, en: /^en\b/i } as const

/** Reads answers aloud with the voices of this device; voices that are a service elsewhere are never used. */
class ReadAloud {
  #id = $state<string>()
  #state = $state<ReadingState>('idle')
  #queue: Utterance[] = []
  /** Held until it ends: Chrome forgets utterances that nobody holds, and their events with them. */
  #current: SpeechSynthesisUtterance | undefined

  get supported(): boolean {
    return typeof speechSynthesis !== 'undefined'
  }

  /** What is done with the text of this id. */
  stateOf(id: string): ReadingState {
    return this.#id === id ? this.#state : 'idle'
  }

  /** Begins to read; what was being read before stops. @returns false where no voice of the device can */
  async speak(id: string, markdown: string, usual: 'zh' | 'en'): Promise<boolean> {
    this.stop()
    const parts = utterances(markdown, usual)
    const voices = await localVoices()
    const spoken = parts.filter(({ language }) => voiceFor(voices, language))
    if (spoken.length === 0) return false
    this.#id = id
    this.#state = 'speaking'
    this.#queue = spoken
    this.#next(voices)
    return true
  }

  pause(): void {
    if (this.#state !== 'speaking') return
    speechSynthesis.pause()
    this.#state = 'paused'
  }

  resume(): void {
    if (this.#state !== 'paused') return
    speechSynthesis.resume()
    this.#state = 'speaking'
  }

  stop(): void {
    this.#queue = []
    this.#current = undefined
    this.#id = undefined
    this.#state = 'idle'
    if (this.supported) {
      // A paused synthesiser would keep the next text waiting.
      speechSynthesis.resume()
      speechSynthesis.cancel()
    }
  }

  #next(voices: readonly SpeechSynthesisVoice[]): void {
    const part = this.#queue.shift()
    if (!part) return this.stop()
    const voice = voiceFor(voices, part.language)
    const utterance = new SpeechSynthesisUtterance(part.text)
    utterance.lang = voice?.lang ?? (part.language === 'zh' ? 'zh-CN' : 'en-US')
    if (voice) utterance.voice = voice
    const over = (): void => {
      if (this.#current === utterance) this.#next(voices)
    }
    utterance.addEventListener('end', over)
    utterance.addEventListener('error', over)
    this.#current = utterance
    speechSynthesis.speak(utterance)
  }
}

/** The voices that speak on this device itself. */
export async function localVoices(): Promise<SpeechSynthesisVoice[]> {
  if (typeof speechSynthesis === 'undefined') return []
  if (speechSynthesis.getVoices().length === 0)
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, voicesMs)
      const heard = (): void => {
        clearTimeout(timer)
        resolve()
      }
      speechSynthesis.addEventListener('voiceschanged', heard, { once: true })
    })
  return speechSynthesis.getVoices().filter(({ localService }) => localService)
}

/** Those among them that speak a language. */
export function voicesFor(
  voices: readonly SpeechSynthesisVoice[],
  language: 'zh' | 'en',
): SpeechSynthesisVoice[] {
  return voices.filter(({ lang }) => tags[language].test(lang.replace('_', '-')))
}

function voiceFor(
  voices: readonly SpeechSynthesisVoice[],
  language: 'zh' | 'en',
): SpeechSynthesisVoice | undefined {
  const able = voicesFor(voices, language)
  const wanted = speechPreferences.voice(language)
  // Mandarin before Cantonese, where both are there.
  const usual = able.find(({ lang }) => /^(zh|cmn)[-_](CN|Hans)|^en/i.test(lang))
  return able.find(({ voiceURI }) => voiceURI === wanted) ?? usual ?? able[0]
}

export const readAloud = new ReadAloud()
