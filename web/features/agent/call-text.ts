import type { CallView } from '#web/client/agent/task-view.ts'

/** The one thing worth seeing of a call in one line: the folder, the words searched for, the first line of a program. */
export function callLine({ input }: Pick<CallView, 'input'>): string {
  const values = Object.values(input).filter((value) => typeof value === 'string' || Array.isArray(value)) // prettier-ignore
  const [first] = values
  const text = Array.isArray(first) ? first.map(plain).join(' ') : plain(first)
  return text.split('\n', 1)[0]?.slice(0, 200) ?? ''
}

/** The whole input: a program as what it is, else JSON. */
export function callInput({ tool, input }: CallView): { text: string; language: string } {
  const { code, ...rest } = input
  if (tool === 'python' && typeof code === 'string') {
    const others = Object.keys(rest).length ? `# ${JSON.stringify(rest)}\n` : ''
    return { text: others + code, language: 'python' }
  }
  return { text: JSON.stringify(input, undefined, 2), language: 'json' }
}

function plain(value: unknown): string {
  if (typeof value === 'string') return value
  return value === undefined ? '' : JSON.stringify(value)
}
