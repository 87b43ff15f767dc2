import { relative } from 'node:path'
import * as v from 'valibot'
import type { CodeOutline } from '#companion/tools/documents/code-outline.ts'
import type { Skill, TaskContext } from '#shared/contracts/skill.ts'
import { goalWords } from './goal-words.ts'
import { shownPath } from './shown-path.ts'

const inputSchema = v.object({
  from: v.pipe(v.string(), v.minLength(1), v.maxLength(4096)),
  /** What is asked; absent: the whole instruction. */
  question: v.optional(v.pipe(v.string(), v.maxLength(2000)), ''),
})
export type ReadCodeInput = v.InferOutput<typeof inputSchema>

const mostFiles = 60
const mostSymbols = 40
/** Characters of code that the model sees at most. */
const mostContext = 9000

const words = {
  en: { read: 'Read the code', answer: 'Answer', none: (from: string) => `There is no source code in ${from}.`, title: 'Code outline', files: (n: number, lines: number) => `${n} ${n === 1 ? 'file' : 'files'}, ${lines} lines`, seen: 'Places looked at', more: (n: number) => `… and ${n} more`, unread: (n: number) => `${n} ${n === 1 ? 'file' : 'files'} could not be read.` }, // prettier-ignore
  zh: { read: '阅读代码', answer: '回答', none: (from: string) => `${from} 中没有源代码。`, title: '代码结构', files: (n: number, lines: number) => `${n} 个文件，${lines} 行`, seen: '参考位置', more: (n: number) => `……另有 ${n} 个`, unread: (n: number) => `${n} 个文件未能读取。` }, // prettier-ignore
}

/** Answers a question about source code from the definitions that it is about, and shows how the code is built. */
export function createReadCodeSkill(): Skill<ReadCodeInput> {
  return {
    specVersion: 1,
    id: 'read-code',
    title: { en: 'Read code', zh: '阅读代码' },
    description: 'Reads the source code in a folder, shows its structure and answers a question about it.', // prettier-ignore
    examples: [
      '看看 ~/projects/shop 的代码，说明订单是怎么计算总价的',
      '解释一下 ~/code/app 里的登录流程',
      '列出这个仓库里的所有函数',
      'Explain how login works in the code of ~/projects/app',
      'Which function in ~/projects/shop computes the total?',
      'Read the source code in ~/work/api and describe its structure',
    ],
    capabilities: ['files.read'],
    parameters: {
      type: 'object',
      properties: {
        from: { type: 'string', description: 'folder with the code' },
        question: { type: 'string' },
      },
      required: ['from'],
      additionalProperties: false,
    },
    input: inputSchema,
    understand(goal, now) {
      const [from] = goalWords(goal, now).paths
      return from === undefined ? {} : { from, question: goal.slice(0, 2000) }
    },
    run,
  }
}

async function run(input: ReadCodeInput, task: TaskContext): Promise<void> {
  const t = words[task.language]
  task.plan([
    { id: 'read', title: t.read },
    { id: 'answer', title: t.answer },
  ])
  const question = input.question || task.goal
  // The words of the folder's name are in every path below it.
  const wanted = question.replace(input.from, ' ')
  const place = await task.tool('place', 'find_place', { path: input.from })
  const root = (place.data as { path: string }).path
  const { data } = await task.tool('read', 'code_outline', { folder: root, words: wanted.slice(0, 2000) }) // prettier-ignore
  const outline = data as CodeOutline
  if (outline.files.length === 0) return task.say(t.none(shownPath(input.from)))
  const content = new TextEncoder().encode(markdownOf(outline, root, t))
  task.artifact({ key: 'outline', kind: 'markdown', title: t.title, content, mediaType: 'text/markdown' }) // prettier-ignore
  const answer = await task.write('answer', {
    instruction: `${question}\n\nAnswer from the source code below, in ${task.language === 'zh' ? 'Chinese' : 'English'}, in a few sentences. Name the files and functions you speak of. Say so if the code does not tell.`,
    context: contextOf(outline, root),
    maxTokens: 500,
    show: true,
  })
  const seen = outline.pieces.slice(0, 5).map(({ path, name, line }) => `- \`${relative(root, path)}:${line}\` ${name}`) // prettier-ignore
  if (seen.length > 0) task.say(`${answer.endsWith('\n') ? '\n' : '\n\n'}${t.seen}:\n${seen.join('\n')}`) // prettier-ignore
}

/** The pieces that fit, then what else is defined where. */
function contextOf({ files, pieces }: CodeOutline, root: string): string {
  const names = files.slice(0, mostFiles).map(({ path, symbols }) => `${relative(root, path)}: ${symbols.slice(0, 12).map(({ name }) => name).join(', ')}`) // prettier-ignore
  const parts: string[] = []
  let left = mostContext - Math.min(2500, names.join('\n').length)
  for (const { path, name, line, text } of pieces) {
    const part = `// ${relative(root, path)}:${line} ${name}\n${text}`
    if (part.length > left && parts.length > 0) break
    parts.push(part.slice(0, left))
    left -= part.length
  }
  return `${parts.join('\n\n')}\n\n${names.join('\n').slice(0, 2500)}`
}

function markdownOf({ files, unread }: CodeOutline, root: string, t: (typeof words)['en']): string {
  const lines = files.reduce((sum, file) => sum + file.lines, 0)
  const parts = files.map(({ path, lines: own, symbols }) => {
    const shown = symbols.slice(0, mostSymbols).map(({ name, line }) => `- \`${name.replaceAll('`', "'")}\` :${line}`)
    const more = symbols.length > mostSymbols ? [`- ${t.more(symbols.length - mostSymbols)}`] : []
    return [`## ${relative(root, path)} (${own})`, '', ...shown, ...more].join('\n')
  })
  const foot = unread > 0 ? `\n\n${t.unread(unread)}` : ''
  return `# ${t.title}\n\n${t.files(files.length, lines)}\n\n${parts.join('\n\n')}${foot}\n`
} // prettier-ignore
