import { branchOf, type Conversation, type Message } from './conversation.ts'
import type { Language } from '#shared/errors/silo-error.ts'

/** The branch that is shown, as Markdown a person reads anywhere. */
export function exportMarkdown(
  conversation: Conversation,
  messages: readonly Message[],
  language: Language,
): string {
  const names =
    language === 'zh'
      ? { user: '用户', assistant: '助手', sources: '来源' }
      : { user: 'User', assistant: 'Assistant', sources: 'Sources' }
  const parts = [`# ${conversation.title || 'Silo'}`]
  for (const message of branchOf(messages, conversation.leafId)) {
    const when = new Date(message.createdAt).toISOString().slice(0, 16).replace('T', ' ')
    const by = message.modelId ? ` · ${message.modelId}` : ''
    parts.push(`## ${names[message.role]} · ${when} UTC${by}`, message.text.trim())
    if (message.citations?.length) {
      const sources = message.citations.map((citation) => {
        const page = citation.page === undefined ? '' : `, p. ${citation.page}`
        const path = citation.path ? ` (${citation.path})` : ''
        return `- [${citation.marker}] ${citation.title}${page}${path}`
      })
      parts.push(`**${names.sources}**\n\n${sources.join('\n')}`)
    }
  }
  return `${parts.join('\n\n')}\n`
}

/** Everything, all branches included, as JSON. */
export function exportJson(conversation: Conversation, messages: readonly Message[]): string {
  return `${JSON.stringify({ format: 'silo-conversation', version: 1, conversation, messages }, null, 2)}\n`
}
