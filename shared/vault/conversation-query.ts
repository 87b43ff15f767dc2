import { tellingTerms } from './query-terms.ts'

/** Said to the assistant of what was said before, or to be polite: no question to documents. */
const talk = /^(?:(?:hi|hello|hey|thanks?(?: you)?|thank you|good (?:morning|evening|night)|ok(?:ay)?|great|bye|goodbye|please )[\s!,.]*)+$|^(?:please |can you |could you )?(?:translate|rewrite|rephrase|shorten|summari[sz]e|continue|repeat|explain|make|turn|format|say|put|write)\b.*\b(?:that|this|it|your (?:last )?answer|the above|again|shorter|longer)\b|^(?:continue|go on|again|shorter|longer|why|how so)[?.!]*$/iu // prettier-ignore
const zhTalk = /^(?:你好|您好|谢谢|多谢|感谢|好的|好|嗯|再见|早上好|晚上好|辛苦了)[，。！!~\s]*(?:谢谢|你|您)?[。！!]*$|^(?:请|麻烦)?(?:把|将)?(?:它|这|那|上面|刚才|你的回答|以上).{0,12}(?:翻译|改写|缩短|总结|精简|重写|润色|展开|改成|说得)|^(?:请)?(?:继续|再说一遍|重复一遍|翻译成|总结一下|为什么|简短一点|详细一点)[\p{Script=Han}]{0,6}[。！？?]*$/u // prettier-ignore
const followUp =
  /^(?:and|what about|how about|also|or|but)\b|^(?:那|那么|还有|另外|以及)|呢[？?]?$/iu

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
