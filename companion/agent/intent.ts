import type { Skill } from '#shared/contracts/skill.ts'
import type { Intent } from '#shared/domain/agent-task.ts'

/** How alike an instruction and a skill's example must be. */
const skillLikeness = 0.34
const clearLikeness = 0.6

/** What is done to files or on this computer, in both languages. */
const doing =
  /\b(rename|move|file (?:them|it|all|every|each|my|the|new|these|those)|sort|organi[sz]e|tidy|archive|zip|unzip|compress|delete|remove|trash|copy|convert|extract|scan|find (?:all|every|the|my)|list (?:the )?files|create a (?:file|folder|spreadsheet|report|page)|make (?:a|me a) (?:spreadsheet|table|report|web ?page|zip|folder)|summari[sz]e (?:this|the|my) folder|run|execute|download|search the web|fetch)\b|重命名|改名|移动|归档|整理|归类|分类|打包|压缩|解压|删除|扫描|查找|找出|列出|生成(?:表格|报表|网页|报告)|做(?:成|一个|一张)?(?:表格|报表|网页)|新建(?:文件夹|文件)|汇总|运行|执行|下载|搜索网页|上网/i
/** What it is done to. */
const things =
  /\b(files?|folders?|director(?:y|ies)|invoices?|receipts?|pdfs?|documents?|photos?|pictures?|images?|spreadsheets?|downloads?|desktop|zip|csv|xlsx|\.\w{2,4})\b|~\/|文件夹?|目录|发票|收据|文档|图片|照片|表格|下载|桌面|合同|压缩包|账单/i
/** A question about what documents say. */
const asking =
  /^(what|when|who|where|which|how (?:much|many|long)|does|do|is|are|can|did|was|were)\b|[?？]\s*$|^(请问|什么|哪|谁|多少|几|是否|有没有|为什么|怎么|如何)|(多少|哪些|什么时候|是什么|吗|呢)[?？]?\s*$/i

/**
 * Where an instruction goes, by its words and the skills' examples: a task only where something is to be done to
 * things of this computer, so that a question is never taken for leave to act.
 */
export function chooseIntent(
  text: string,
  collectionIds: readonly string[],
  skills: readonly Skill[],
): Intent {
  // prettier-ignore
  const question = asking.test(text.trim()) && !/^(can|could|would) you\b|^(请|能否|能不能|可以)?帮/i.test(text.trim()) // prettier-ignore
  const acts = doing.test(text) && things.test(text)
  if (acts && !question) {
    const scored = skills
      .map((skill) => ({
        skill,
        likeness: Math.max(...skill.examples.map((example) => likeness(text, example))),
      })) // prettier-ignore
      .toSorted((a, b) => b.likeness - a.likeness)
    const best = scored[0]
    if (best && best.likeness >= skillLikeness)
      return { kind: 'skill', skill: best.skill.id, reason: 'skill-matches', confidence: Math.min(1, best.likeness / clearLikeness) } // prettier-ignore
    return { kind: 'agent', reason: 'needs-tools', confidence: 0.7 }
  }
  if (collectionIds.length > 0) return { kind: 'vault', reason: 'asks-documents', confidence: 0.8 }
  return { kind: 'chat', reason: doing.test(text) && !question ? 'unsure' : 'only-talk', confidence: acts ? 0.5 : 0.8 } // prettier-ignore
}

/** Share of the example's words (pairs of characters in Chinese) that the text has as well, weighed both ways. */
function likeness(text: string, example: string): number {
  const [a, b] = [gramsOf(text), gramsOf(example)]
  const shared = [...b].filter((gram) => a.has(gram)).length
  return (2 * shared) / (Math.min(a.size, b.size * 2) + b.size)
}

const stop = new Set('the a an of to in on and for my me all them it is as with by from please into this that'.split(' ')) // prettier-ignore

function gramsOf(text: string): Set<string> {
  const grams = new Set<string>()
  for (const [run] of text.normalize('NFC').toLowerCase().matchAll(/[\p{Script=Han}]+|[\p{L}\p{N}]+/gu)) {
    if (/\p{Script=Han}/u.test(run)) for (let i = 0; i < run.length - 1; i++) grams.add(run.slice(i, i + 2))
    else if (!stop.has(run)) grams.add(run.replace(/(?:ies|es|s)$/, ''))
  }
  return grams
} // prettier-ignore
