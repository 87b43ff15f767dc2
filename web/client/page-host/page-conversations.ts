import type { Conversation } from '#shared/domain/conversation.ts'
import { localConversation, localConversations } from '#web/replica/copies.ts'

export interface LocalHit {
  readonly conversation: Conversation
  readonly snippet?: string
}

const snippetBefore = 40
const snippetLength = 140

/** Conversations on this device whose title or messages hold every word; all of them without a query. */
export async function searchLocal(query: string): Promise<LocalHit[]> {
  const words = query.normalize('NFKC').toLowerCase().split(/\s+/).filter(Boolean).slice(0, 8)
  const rows = await localConversations()
  if (words.length === 0) return rows.map(({ conversation }) => ({ conversation }))
  const hits: LocalHit[] = []
  for (const { conversation } of rows) {
    const messages = (await localConversation(conversation.id))?.messages ?? []
    const texts = [conversation.title, ...messages.map(({ text }) => text)]
    const lower = texts.map((text) => text.normalize('NFKC').toLowerCase())
    if (!words.every((word) => lower.some((text) => text.includes(word)))) continue
    const found = lower.findLastIndex((text, index) => index > 0 && text.includes(words[0]!))
    hits.push(
      found > 0 ? { conversation, snippet: snippetOf(texts[found]!, words[0]!) } : { conversation },
    )
  }
  return hits
}

function snippetOf(text: string, word: string): string {
  const flat = text.replace(/\s+/g, ' ').trim()
  const from = Math.max(0, flat.toLowerCase().indexOf(word) - snippetBefore)
  const part = flat.slice(from, from + snippetLength)
  return `${from > 0 ? '…' : ''}${part}${from + snippetLength < flat.length ? '…' : ''}`
}
