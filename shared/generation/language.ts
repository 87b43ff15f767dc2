import type { Language } from '#shared/errors/silo-error.ts'

/** Chinese where a tenth of the letters or more are Han characters: Chinese questions name English things. */
export function languageOf(text: string): Language {
  const head = text.slice(0, 4000)
  const han = head.match(/\p{Script=Han}/gu)?.length ?? 0
  const words = head.match(/[\p{L}\p{N}]+/gu)?.length ?? 0
  return han > 0 && han >= words / 10 ? 'zh' : 'en'
}
