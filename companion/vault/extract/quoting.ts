/** The line above what is answered: who wrote when. In the languages mail programs speak most. */
const attribution =
  /^(?:On\b.{6,200}\bwrote|Am\b.{6,200}\bschrieb\b.{0,80}|Le\b.{6,200}\ba écrit|El\b.{6,200}\bescribió|在.{4,200}写道|于.{4,200}写道|.{4,200}(?:写道|寫道))\s?[:：]$/u
const separator = /^(?:-{2,}\s*(?:Original Message|Ursprüngliche Nachricht|原始邮件|原始郵件|原邮件)\s*-{2,}|_{20,})$/iu // prettier-ignore
const forwarded = /forwarded message|weitergeleitete nachricht|转发的?邮件|轉寄/iu
const header = /^\*?(?:From|Von|De|发件人|寄件者|Sent|Gesendet|发送时间|Date|Datum|日期|To|An|收件人|Cc|抄送|Subject|Betreff|主题)\s?[:：]\*?\s/iu // prettier-ignore
/** Lines of a quotation kept where the answer stands between the lines. */
const keptLines = 6

/**
 * The text of a mail without the thread below it, which the vault has as mails of their own. What is forwarded
 * stays, and so do short quotations that are answered line by line.
 */
export function withoutThread(text: string): string {
  const lines = text.split('\n')
  const cut = threadStart(lines)
  const own = cut === undefined ? lines : lines.slice(0, cut)
  // Nothing but a thread: then it is what the mail says.
  if (own.every((line) => !line.trim() || line.startsWith('>'))) return text
  return shortened(own).join('\n')
}

/** Where the quoted thread begins, if what follows is nothing else. */
function threadStart(lines: readonly string[]): number | undefined {
  for (let at = 0; at < lines.length; at++) {
    const line = lines[at]!.trim()
    if (forwarded.test(line) && line.length < 200) return undefined
    if (separator.test(line) && headersFollow(lines, at + 1)) return at
    if (
      header.test(line) &&
      /^\*?(?:From|Von|De|发件人|寄件者)/iu.test(line) &&
      headersFollow(lines, at)
    )
      return at
    // The line may be broken in two.
    const both = `${line} ${lines[at + 1]?.trim() ?? ''}`
    const length = attribution.test(line) ? 1 : line && attribution.test(both) ? 2 : 0
    if (length > 0 && onlyQuoted(lines, at + length)) return at
  }
  let end = lines.length
  while (end > 0 && (!lines[end - 1]!.trim() || lines[end - 1]!.startsWith('>'))) end--
  return lines.slice(end).filter((line) => line.startsWith('>')).length > keptLines
    ? end
    : undefined
}

/** At least three of the next lines are From:, Sent:, To:, Subject: … */
function headersFollow(lines: readonly string[], from: number): boolean {
  const next = lines.slice(from, from + 10).map((line) => line.trim())
  return next.filter((line) => header.test(line)).length >= 3
}

function onlyQuoted(lines: readonly string[], from: number): boolean {
  const rest = lines.slice(from).filter((line) => line.trim())
  const quoted = rest.filter((line) => line.startsWith('>')).length
  return rest.length > 0 && quoted >= rest.length * 0.9
}

/** Long quotations between the lines keep their last lines, to which the answer below refers. */
function shortened(lines: readonly string[]): string[] {
  const kept: string[] = []
  let block: string[] = []
  for (const line of [...lines, '']) {
    if (line.startsWith('>')) block.push(line)
    else {
      kept.push(...(block.length > keptLines ? ['> …', ...block.slice(-keptLines)] : block), line)
      block = []
    }
  }
  return kept.slice(0, -1)
}
