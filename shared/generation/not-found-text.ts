import type { SearchHit } from '#shared/domain/vault.ts'
import type { Language } from '#shared/errors/silo-error.ts'
import type { Unreachable } from '#shared/protocol/search.ts'

/**
 * What is said where nothing in the vault answers: that, what lies nearest (by its marker, so that it can be opened),
 * and who could not be asked. Said without a model, because a small one guesses instead.
 */
export function notFoundText(
  nearest: readonly Pick<SearchHit, 'title'>[],
  unreachable: readonly Unreachable[],
  language: Language,
): string {
  const zh = language === 'zh'
  const named = nearest.map(({ title }, index) => (zh ? `《${title}》[${index + 1}]` : `“${title}” [${index + 1}]`)) // prettier-ignore
  const away = [...new Set(unreachable.map(({ name }) => name))]
  return [
    zh ? '你的知识库里没有这个问题的答案。' : 'Your vault does not hold an answer to this.',
    ...(named.length === 0 ? [] : [zh ? `最接近的内容是：${named.join('、')}。` : `The nearest it has: ${named.join(', ')}.`]), // prettier-ignore
    ...(away.length === 0 ? [] : [zh ? `未能询问：${away.join('、')}。` : `Could not be asked: ${away.join(', ')}.`]), // prettier-ignore
  ].join(zh ? '' : ' ')
}
