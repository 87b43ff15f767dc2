import type { ModelFit, ModelTask } from '#shared/domain/model.ts'
import { formatBytes } from './format.ts'
import { language, translator } from './i18n.svelte.ts'

const t = translator({
  en: {
    fits: 'fits',
    tight: 'tight',
    'too-big': 'too big',
    numbers: '{needed} of {available}',
    chat: 'Chat',
    embed: 'Search',
    speech: 'Speech',
    more: '+{n}',
  },
  zh: {
    fits: '合适',
    tight: '偏紧',
    'too-big': '过大',
    numbers: '需 {needed}，可用 {available}',
    chat: '对话',
    embed: '检索',
    speech: '语音',
    more: '等 {n} 种',
  },
})

/** `fits`, `tight` or `too big`. */
export function fitVerdict(fit: ModelFit): string {
  return t(fit.verdict)
}

/** The memory it needs beside the memory there is: `1.2 GB of 16.0 GB`. */
export function fitNumbers(fit: ModelFit): string {
  return t('numbers', { needed: formatBytes(fit.needed), available: formatBytes(fit.available) })
}

/** What the model is for. */
export function taskName(task: ModelTask): string {
  return t(task)
}

/** Languages by name, at most `most` of them: `English, Chinese, +12`. */
export function languageNames(tags: readonly string[], most = 3): string {
  const zh = language.current === 'zh'
  const names = new Intl.DisplayNames(zh ? 'zh-CN' : 'en', { type: 'language', fallback: 'code' })
  const shown = tags.slice(0, most).map((tag) => nameOf(names, tag))
  const rest = tags.length - shown.length
  const list = shown.join(zh ? '、' : ', ')
  if (rest <= 0) return list
  return zh ? `${list}${t('more', { n: tags.length })}` : `${list}, ${t('more', { n: rest })}`
}

function nameOf(names: Intl.DisplayNames, tag: string): string {
  try {
    return names.of(tag) ?? tag
  } catch {
    return tag
  }
}
