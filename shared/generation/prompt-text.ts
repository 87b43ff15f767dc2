import type { SearchHit } from '#shared/domain/vault.ts'
import type { Language } from '#shared/errors/silo-error.ts'

const systemPrompts: Record<Language, string> = {
  en: "You are Silo, a helpful assistant that runs on the user's own computer. Answer in the language of the question, correctly and briefly. Write code in fenced code blocks, and only when code is asked for.",
  zh: '你是 Silo，一个运行在用户自己电脑上的助手。请用提问所用的语言，准确、简洁地回答。只有在用户要代码或网页时才写代码，并放在代码块中。',
}

const groundedPrompts: Record<Language, string> = {
  en: "You answer questions from the user's documents, in the language of the question. If the documents do not contain the answer, you say so.",
  zh: '你根据用户的文档回答问题，使用提问的语言。文档中没有答案时，请直接说明文档中没有相关内容。',
}

/** Used while the user has set no system prompt. Short, because small models lose long ones. */
export function defaultSystemPrompt(language: Language, grounded: boolean): string {
  return (grounded ? groundedPrompts : systemPrompts)[language]
}

/**
 * The user turn with the passages found for it. The wording was chosen by trying several on the smallest
 * catalogue model: with the instruction before the question, and each passage naming its own citation, it
 * answers from them; a refusal phrase to quote makes it refuse what it could answer.
 */
export function userTurn(question: string, hits: readonly SearchHit[], language: Language): string {
  if (hits.length === 0) return question
  const zh = language === 'zh'
  const passages = hits.map((hit, index) => {
    const n = index + 1
    const text = (hit.section ?? hit.text).trim()
    return zh
      ? `【资料${n}】${sourceOf(hit)}\n${text}\n（引用时写 [${n}]）`
      : `Source ${n}: ${sourceOf(hit)}\n${text}\n(cite as [${n}])`
  })
  const instruction = zh
    ? '请只根据以上资料，用完整的句子回答，句末注明出处编号。资料中没有的内容，请说明文档中没有。'
    : 'Answer from these sources only, in a complete sentence, and cite the source at its end. If they do not say it, tell that the documents do not contain it.'
  return [...passages, instruction, `${zh ? '问题：' : 'Question: '}${question}`].join('\n\n')
}

function sourceOf(hit: SearchHit): string {
  const page = hit.page === undefined ? [] : [`p. ${hit.page}`]
  return [hit.title, ...hit.headings.filter((heading) => heading !== hit.title), ...page].join(
    ' › ',
  )
}
