import type { SearchHit } from '#shared/domain/vault.ts'
import type { Language } from '#shared/errors/silo-error.ts'

const systemPrompts: Record<Language, string> = {
  en: "You are Silo, a helpful assistant that runs on the user's own computer. Answer in the language of the question, correctly and briefly. Write code in fenced code blocks, and only when code is asked for.",
  zh: '你是 Silo，一个运行在用户自己电脑上的助手。请用提问所用的语言，准确、简洁地回答。只有在用户要代码或网页时才写代码，并放在代码块中。',
}

/** Used while the user has set no system prompt. Short, because small models lose long ones. */
export function defaultSystemPrompt(language: Language): string {
  return systemPrompts[language]
}

/**
 * The user turn with the passages found for it. The question comes last, next to the instruction, where
 * small models heed it most.
 */
export function userTurn(question: string, hits: readonly SearchHit[], language: Language): string {
  if (hits.length === 0) return question
  const passages = hits.map((hit, index) => `[${index + 1}] ${sourceOf(hit)}\n${hit.text.trim()}`)
  return language === 'zh'
    ? `以下是从用户文档中找到的段落：\n\n${passages.join('\n\n')}\n\n请只根据以上段落回答问题，并在所依据的内容后用 [1] 这样的编号注明出处。如果段落中没有答案，请说明文档中没有相关内容。\n\n问题：${question}`
    : `These passages were found in the user's documents:\n\n${passages.join('\n\n')}\n\nAnswer the question from these passages only, and cite the passage a statement rests on by its number, like [1]. If the passages do not contain the answer, say that the documents do not contain it.\n\nQuestion: ${question}`
}

function sourceOf(hit: SearchHit): string {
  const page = hit.page === undefined ? [] : [`p. ${hit.page}`]
  return [hit.title, ...hit.headings.filter((heading) => heading !== hit.title), ...page].join(
    ' › ',
  )
}
