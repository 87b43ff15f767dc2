import { citationOf } from '#shared/domain/citation-of.ts'
import type { Citation } from '#shared/domain/conversation.ts'
import type { SearchHit } from '#shared/domain/vault.ts'
import type { Language } from '#shared/errors/silo-error.ts'

const texts = {
  en: {
    lead: 'No language model is on this device, so these are the passages that fit best:',
    nothing: 'Nothing that fits was found in the copies on this device.',
    words:
      'Only words were compared: the model that compares meanings is not on this device, so other wordings may have been missed.',
    page: (page: number) => `p. ${page}`,
  },
  zh: {
    lead: '此设备上没有语言模型，以下是最相关的原文：',
    nothing: '此设备的副本中没有找到相关内容。',
    words: '仅按词语匹配：用于理解语义的模型不在此设备上，措辞不同的内容可能未找到。',
    page: (page: number) => `第 ${page} 页`,
  },
} as const

/** Longer passages are cut here; the whole one opens with its citation. */
const shownLength = 700

/** Passages as an answer, each with its citation. @param wordsOnly it is said that meanings were not compared */
export function passageList(
  hits: readonly SearchHit[],
  language: Language,
  wordsOnly: boolean,
): { text: string; citations: Citation[] } {
  const t = texts[language]
  const parts = hits.map((hit, index) => {
    const page = hit.page === undefined ? [] : [t.page(hit.page)]
    const where = [hit.title, ...hit.headings.filter((heading) => heading !== hit.title), ...page].join(' › ') // prettier-ignore
    return `**${plain(where)}** [${index + 1}]\n\n${quoted(hit.text)}`
  })
  const lead = hits.length > 0 ? t.lead : t.nothing
  const text = [lead, ...parts, ...(wordsOnly ? [`*${t.words}*`] : [])].join('\n\n')
  const citations = hits.map((hit, index) => citationOf(hit, index + 1))
  return { text, citations }
}

/** What a document says is shown as it is written, never as a form of the answer. */
function quoted(text: string): string {
  const cut = text.trim().slice(0, shownLength)
  const whole = cut.length < text.trim().length ? `${cut}…` : cut
  return whole
    .split('\n')
    .map((line) => `> ${plain(line)}`)
    .join('\n')
}

function plain(text: string): string {
  return text.replace(/[\\`*_{}[\]<>#|~!$&]/g, (mark) => `\\${mark}`)
}
