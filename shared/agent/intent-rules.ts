import type { Intent } from '#shared/domain/agent-task.ts'
import { hintedSkill } from './skill-hints.ts'

/** What the rules know of a skill. */
export interface SkillSketch {
  readonly id: string
  readonly description: string
  readonly examples: readonly string[]
}

/** A guess and how sure it is; below `sureEnough` a model is asked. */
export const sureEnough = 0.6

const fileWord =
  /(?:文件夹|目录|文件|文档|照片|图片|截图|发票|账单|收据|附件|压缩包|表格|下载|桌面|~\/|[a-z]:\\|\/home\/|\/users\/|\bpdfs?\b|\bfiles?\b|\bfolders?\b|\bdirector(?:y|ies)\b|\bdownloads?\b|\bdesktop\b|\bdocuments\b|\binvoices?\b|\breceipts?\b|\bscreenshots?\b|\bphotos?\b|\bpictures\b|\bzips?\b|\barchives?\b|\.(?:pdf|docx?|xlsx?|csv|txt|md|png|jpe?g|zip|py|ts|js|go|rs)\b)/iu
/** A place on the disk where a person's files may lie, as it is written. */
const placeWord =
  /(?:^|[\s"'“‘「（(在从把到给为将和])(?:~\/|[a-z]:\\|\/(?!(?:bin|boot|dev|etc|lib|lib64|proc|run|sbin|sys|usr|var)\/)[\p{L}\p{N}_.-]+\/[\p{L}\p{N}_.-])/iu
/** A file as the thing that is to be made or read. */
const fileObject =
  /文件夹|目录|\bfolders?\b|\bdirector(?:y|ies)\b|(?:文档|下载|桌面)(?:文件夹|目录|里|中|上)|\b(?:my|the) (?:documents|downloads|desktop)\b/iu
const workVerb =
  /(?:读|阅读|解释|说明|看一?下|看看|总结|生成|做成|做一|写一|转成|给.{1,20}(?:起|改|取)|统计|\b(?:read|explain|describe|look|summari[sz]e|give|write|rename|use|bundle|pull|turn|show|go through|which|where|what|how)\b)/iu
const fileVerb =
  /(?:整理|归档|归类|移动|移到|挪到|搬到|放到|放进|重命名|改名|改成|命名|压缩|打包|解压|删除|删掉|清理|清空|扫描|备份|复制|拷贝|新建|创建|建立|保存|存到|存成|导出|另存|写入|写到|列出|找出|查找|统计|汇总|合并|提取|分类|丢进回收站|去重|转换|\b(?:renam\w*|mov\w*|put|organi[sz]\w*|sort|tidy|clean(?: up)?|archiv\w*|zip|compress|unzip|pack|bundle|delete|trash|remove|scan|back ?up|copy|create|make|save|export|list|find|collect|gather|count|extract|merg\w*|fil(?:e|ing)|convert|deduplicat\w*)\b)/iu
/** Said to a computer, not asked of a person who knows. */
const imperative =
  /^(?:please\s+|can you\s+|could you\s+|would you\s+|i(?:'d| would) like you to\s+|i want you to\s+|go\s+|now\s+|then\s+|请你?|帮我|麻烦你?|给我|替我|你?能不能|可以帮我|把|将|在|从|扫描|整理|找出|找到|查找|列出|统计|汇总|压缩|打包|删除|删掉|移动|重命名|新建|创建|清理|备份|提取|合并|归档|every\b|每(?:天|周|月|个))/iu
const toolWord =
  /(?:运行|执行|跑一下|跑一遍|命令行|脚本|终端|python|shell|bash|上网|网上(?:搜|查)|搜索网|联网|抓取网页|打开网页|搜一下网|画(?:一张|个)?图表|\brun\b.*\b(?:command|script|code|program|python|shell)\b|\bexecute\b|\bsearch (?:the )?(?:web|internet|online)\b|\blook .*up (?:online|on the web)\b|\bgoogle\b|\bfetch (?:the )?(?:page|url|website)\b|https?:\/\/|\b(?:ls|git|grep|ffmpeg|curl) )/iu
const howTo =
  /^(?:how (?:do|does|did|can|would|should|to)\b|what(?:'s| is| are)? (?:the (?:difference|best way|command)|a |an )|why\b|explain\b|tell me (?:about|how)\b|怎么|怎样|如何|什么是|为什么|为何|解释|介绍一?下|讲讲|.{0,24}(?:是什么意思|有什么区别|的区别是什么|怎么(?:做|办|写|用)|是什么[?？]?$))/iu
const compose =
  /^(?:(?:please\s+|请|帮我)?(?:write|draft|compose|translate|rewrite|proofread|brainstorm|suggest|imagine|summari[sz]e (?:this|the following)|写(?:一(?:封|首|篇|段|个)|封|首|篇|段|个)|起草|翻译|润色|改写|想(?:几|一)个|起(?:几|一)?个|推荐|编(?:一个|个)|总结(?:一下)?(?:下面|以下|这段)))/iu
const talk =
  /^(?:hi\b|hello\b|hey\b|thanks|thank you|good (?:morning|evening|night)|ok\b|okay\b|bye|你好|您好|嗨|谢谢|多谢|早上好|晚上好|晚安|再见|好的|在吗)/iu
const vaultWord =
  /(?:according to (?:my|our|the)|in (?:my|our) (?:notes|documents|papers|vault|library|collection|contracts?|files|manuals?|handbook)|(?:my|our) (?:notes|documents|papers|contracts?|handbook|manuals?|library|meeting minutes|reports?)\b.*\b(?:say|mention|state|contain|describe)|(?:what|which|where|who|when|how)\b.*\b(?:my|our|the) (?:notes|documents|papers|contracts?|lease|handbook|manual|policy|meeting minutes|minutes|report|library|agreement)|我的(?:笔记|文档|资料|论文|合同|手册|知识库)(?:里|中|上)?|(?:根据|按照|依据)(?:我的|我们的|公司|这些)?(?:笔记|文档|资料|论文|合同|手册|规定|制度|会议纪要|知识库)|(?:合同|手册|笔记|纪要|报告|资料|论文|制度|文档|知识库)(?:里|中|上)(?:说|写|提到|规定|对|关于|怎么|如何|有没有|是否|的)|哪(?:份|篇|个)(?:文档|合同|笔记|报告|资料))/iu
const question =
  /[?？]\s*$|^(?:what|which|who|whom|whose|when|where|is|are|was|were|do|does|did|has|have|how (?:many|much|long|often|old))\b|(?:吗|呢|什么|谁|哪|几|多少)[^。]{0,12}[?？]?$/iu

/**
 * Where an instruction goes as far as words tell, with an honest confidence. Pure: rules first, a model only where this is
 * not sure.
 */
export function intentByRules(
  text: string,
  hasCollections: boolean,
  skills: readonly SkillSketch[],
): Intent {
  const said = text.trim()
  if (said === '' || (talk.test(said) && said.length < 40)) return is('chat', 'only-talk', 0.95)
  const isQuestion = question.test(said)
  const place = placeWord.test(said)
  const files = place || fileWord.test(said)
  const orders = imperative.test(said) || startsWithVerb(said)
  const asksVault = vaultWord.test(said)
  // How something is done in general is talk; how it is done in a named place is to be looked up there.
  const general = howTo.test(said) && !place
  const composes = compose.test(said) && !place && !fileObject.test(said)
  const best = bestSkill(said, skills)
  if (general) return hasCollections ? is('vault', 'asks-documents', 0.65) : is('chat', 'only-talk', 0.8) // prettier-ignore
  if (asksVault && (isQuestion || !orders)) return is('vault', 'asks-documents', 0.8)
  if (composes) return is('chat', 'only-talk', 0.85)

  const hinted = hintedSkill(said)
  const work = fileVerb.test(said) || workVerb.test(said)
  const skill = skills.find(({ id }) => id === hinted)
  if (skill && files && (work || place) && (orders || !isQuestion || place)) {
    const agrees = best?.skill.id === skill.id
    return { ...is('skill', 'skill-matches', agrees ? 0.92 : 0.75), skill: skill.id }
  }
  const acts = files && work && (orders || !isQuestion || place)
  if (acts) {
    if (best && best.score >= 0.55) return { ...is('skill', 'skill-matches', 0.8), skill: best.skill.id } // prettier-ignore
    if (best && best.score >= 0.4) return { ...is('skill', 'skill-matches', 0.5), skill: best.skill.id } // prettier-ignore
    return is('agent', 'needs-tools', orders || place ? 0.75 : 0.55)
  }
  if (toolWord.test(said)) return is('agent', 'needs-tools', isQuestion ? 0.65 : 0.8)
  if (best && best.score >= 0.6) return { ...is('skill', 'skill-matches', 0.65), skill: best.skill.id } // prettier-ignore
  if (hasCollections && isQuestion) return is('vault', 'asks-documents', 0.75)
  if (files && orders) return is('agent', 'unsure', 0.45)
  if (isQuestion || !files) return is('chat', 'only-talk', files ? 0.5 : 0.75)
  return is('chat', 'unsure', 0.4)
}

function is(kind: Intent['kind'], reason: Intent['reason'], confidence: number): Intent {
  return { kind, reason, confidence }
}

function startsWithVerb(text: string): boolean {
  const match = fileVerb.exec(text.slice(0, 60))
  return match !== null && match.index === 0
}

/** The skill whose examples share most with the text: words of English, pairs of characters of Chinese, rare ones first. */
export function bestSkill(
  text: string,
  skills: readonly SkillSketch[],
): { skill: SkillSketch; score: number } | undefined {
  const documents = skills.flatMap(({ examples }) => examples.map(termsOf))
  const rarity = (term: string): number => Math.log(1 + (documents.length + 1) / (1 + documents.filter((each) => each.has(term)).length)) // prettier-ignore
  const wanted = termsOf(text)
  let best: { skill: SkillSketch; score: number } | undefined
  for (const skill of skills)
    for (const example of skill.examples) {
      const known = termsOf(example)
      let shared = 0
      let asked = 0
      let given = 0
      for (const term of wanted) {
        const weight = rarity(term)
        asked += weight
        if (known.has(term)) shared += weight
      }
      for (const term of known) given += rarity(term)
      const score = shared === 0 ? 0 : shared / Math.sqrt(asked * given)
      if (!best || score > best.score) best = { skill, score }
    }
  return best
}

const stopWords = new Set('a an the of in on to and or for with from into by my me all it its them this that is are be please i you as at'.split(' ')) // prettier-ignore

function termsOf(text: string): Set<string> {
  const terms = new Set<string>()
  const folded = text.normalize('NFKC').toLowerCase()
  for (const [word] of folded.matchAll(/[a-z][a-z0-9]+/g)) {
    if (!stopWords.has(word)) terms.add(word.replace(/(?:ing|ed|es|s)$/, ''))
  }
  for (const [run] of folded.matchAll(/\p{Script=Han}+/gu))
    for (let at = 0; at + 1 < run.length; at++) terms.add(run.slice(at, at + 2))
  return terms
}
