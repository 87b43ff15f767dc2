import type { Span } from '#shared/vault/calendar.ts'
import { timeExpressions } from '#shared/vault/time-expressions.ts'

export interface GoalWords {
  /** Folders and files it names, in order, as written. */
  readonly paths: readonly string[]
  readonly span?: Span
}

const dayMs = 24 * 3600 * 1000

const quoted = /["'“”‘’「」《》`]([^"'“”‘’「」《》`\n]{1,300})["'“”‘’「」《》`]/g
const path =
  /(?:~|\.{0,2})?(?:\/[^\s,，。;；:：、'"“”‘’()（）]+)+\/?|~(?=[\s,，。;；]|$)|[A-Z]:\\[^\s,，。;；]+/gi
// "The documents in ~/Scans" are papers; "in Documents" and "my documents" are a folder.
const known = /\b(?:[Dd]ownloads?|[Dd]esktop)(?: folder)?\b|\b(?:documents|pictures) folder\b|(?<=\b(?:in|from|to|into|my) )(?:documents|pictures)\b|(?<!^)\b(?:Documents|Pictures)\b|下载(?:文件夹|目录)?|桌面|文档(?:文件夹|目录)|图片(?:文件夹|目录)/g // prettier-ignore

/** What an instruction says plainly: the folders it names and the time it means. */
export function goalWords(goal: string, now: number): GoalWords {
  const found: { at: number; text: string }[] = []
  const add = (at: number, text: string): void => {
    const clean = text.replace(/[\s.。]+$/, '')
    const inside = found.some((each) => at >= each.at && at < each.at + each.text.length)
    if (clean && !inside) found.push({ at, text: clean })
  }
  for (const match of goal.matchAll(quoted)) if (/[/\\~]/.test(match[1]!)) add(match.index + 1, match[1]!) // prettier-ignore
  for (const match of goal.matchAll(path)) if (match[0] !== '/') add(match.index, match[0])
  for (const match of goal.matchAll(known)) add(match.index, match[0].replace(/ folder$|(?:文件夹|目录)$/i, '')) // prettier-ignore
  // A folder may be called 2026 or Q2 and says nothing of when.
  let said = goal
  for (const { at, text } of found)
    if (/[/\\]/.test(text)) said = said.slice(0, at) + ' '.repeat(text.length) + said.slice(at + text.length) // prettier-ignore
  const time = rolling(said, now) ?? timeExpressions(said, new Date(now))[0]
  return {
    paths: found.toSorted((a, b) => a.at - b.at).map(({ text }) => text),
    ...(time ? { span: time.span } : {}),
  }
}

/** For files, the past week is the last seven days, not the one before this Monday. */
function rolling(goal: string, now: number): { span: Span } | undefined {
  const found = /\bpast (week|month)\b|(?:最近|过去|近)(?:的)?(?:一|1)?(?:个)?(周|星期|月)/i.exec(
    goal,
  )
  if (!found) return undefined
  const days = /month|月/i.test(found[0]) ? 31 : 7
  return { span: { since: now - days * dayMs, until: now + dayMs } }
}
