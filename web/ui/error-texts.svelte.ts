import { keepTextsApart, type Language } from '#shared/errors/silo-error.ts'

type Texts = Readonly<Record<string, string>>

let loaded = $state.raw<Partial<Record<Language, Texts>>>({})
const asked = new Map<Language, Promise<void>>()

// Read in a template, it follows the loading.
keepTextsApart((code, language) => {
  void loadErrorTexts(language)
  return loaded[language]?.[code]
})

/** Fetches the texts of all errors in one language, once. Never rejects: without them codes are shown. */
export function loadErrorTexts(language: Language): Promise<void> {
  let loading = asked.get(language)
  if (!loading) {
    loading = (
      language === 'zh'
        ? import('#shared/errors/texts-zh.ts')
        : import('#shared/errors/texts-en.ts')
    ).then(
      ({ texts }) => {
        loaded = { ...loaded, [language]: texts }
      },
      () => void asked.delete(language),
    )
    asked.set(language, loading)
  }
  return loading
}
