import { guessTokens } from '#shared/generation/token-guess.ts'

const forMuch =
  /\b(write|draft|compose|essay|article|story|report|code|program|script|implement|refactor|html|web ?page|list all|step by step|detail(ed)?|explain)\b|写|起草|撰写|文章|故事|报告|代码|程序|脚本|网页|详细|逐步|列出|解释/iu
const forItsLength = /\b(translate|rewrite|correct|proofread|rephrase)\b|翻译|改写|润色|校对/iu
const forLittle =
  /\b(yes or no|one word|briefly|in short|one sentence)\b|一句话|一个词|简短|简要|是否/iu

/** A guess at the tokens of the answer a message asks for, rather too many than too few. */
export function guessAnswerTokens(text: string): number {
  const head = text.slice(0, 2000)
  if (forLittle.test(head)) return 80
  if (forItsLength.test(head)) return Math.max(120, Math.ceil(guessTokens(text) * 1.3))
  return forMuch.test(head) ? 900 : 240
}
