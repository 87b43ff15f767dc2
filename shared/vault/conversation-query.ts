import { tellingTerms } from './query-terms.ts'

/** Said to the assistant of what was said before, or to be polite: no question to documents. */
const talk = /^(?:(?:hi|hello|hey|thanks?(?: you)?|thank you|good (?:morning|evening|night)|ok(?:ay)?|great|bye|goodbye|please )[\s!,.]*)+$|^(?:please |can you |could you )?(?:translate|rewrite|rephrase|shorten|summari[sz]e|continue|repeat|explain|make|turn|format|say|put|write)\b(?:\s+\S+){0,2}?\s+(?:that|this|it|your (?:last )?answer|the above|again|shorter|longer)\b|^(?:continue|go on|again|shorter|longer|why|how so)[?.!]*$/iu // prettier-ignore
const zhTalk = /^(?:你好|您好|谢谢|多谢|感谢|好的|好|嗯|再见|早上好|晚上好|辛苦了)[，。！!~\s]*(?:谢谢|你|您)?[。！!]*$|^(?:请|麻烦)?(?:把|将)?(?:它|这|那|上面|刚才|你的回答|以上).{0,12}(?:翻译|改写|缩短|总结|精简|重写|润色|展开|改成|说得)|^(?:请)?(?:继续|再说一遍|重复一遍|翻译成|总结一下|简短一点|详细一点)[\p{Script=Han}]{0,6}[。！？?]*$|^为什么呢?[。！？?]*$/u // prettier-ignore
const followUp =
  /^(?:and|what about|how about|also|or|but)\b|^(?:那|那么|还有|另外|以及)|呢[？?]?$/iu

const task = /^(?:please |can you |could you |now )*(?:write|create|make|build|generate|draw|compose|code|implement|design|imagine|invent|calculate|compute|say|name (?:a|an|one|two|three|some)|list some|tell me (?:a|an|another|some))(?![\p{L}-])/iu // prettier-ignore
const zhTask = /^(?:请|麻烦|帮我|给我|替我|再|现在)*(?:写|生成|做一?[个张份]|画|编|创作|创建|讲一?个|讲讲|设计|实现|计算|算一?下|说一?[句个段]|想一?[个些])/u // prettier-ignore

/**
 * Whether a message wants something made rather than found: where the vault holds nothing for it, it is done without.
 */
export function isTask(message: string): boolean {
  const text = message.trim()
  return task.test(text) || zhTask.test(text)
}

/**
 * What the vault is asked for a message of a conversation; undefined where it asks nothing of documents. A question
 * that only makes sense after the one before ("and in Antwerp?") is asked together with it.
 * @param before the user's message before, where there was one
 */
export function conversationQuery(message: string, before?: string): string | undefined {
  const text = message.trim()
  if (text.length < 200 && (talk.test(text) || zhTalk.test(text))) return undefined
  const alone = !before || text.length > 80 || tellingTerms(text).length > 6
  return !alone && followUp.test(text) ? `${before.slice(0, 400)}\n${text}` : text
}
