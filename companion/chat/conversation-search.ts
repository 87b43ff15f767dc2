import type { DatabaseSync } from 'node:sqlite'
import type { Conversation } from '#shared/domain/conversation.ts'
import { conversationOf } from './rows.ts'

export interface ConversationHit {
  readonly conversation: Conversation
  /** Where the first word of the query was found in a message. */
  readonly snippet?: string
}

const listLimit = 1000
const wordLimit = 8
const snippetBefore = 40
const snippetLength = 140

/**
 * Conversations, newest first; with a query those whose title or messages hold every word of it. Words are
 * found as substrings, so that Chinese needs no segmentation. Those of one space only.
 */
export function searchConversations(
  database: DatabaseSync,
  query = '',
  space = '',
): ConversationHit[] {
  const words = query.normalize('NFKC').split(/\s+/).filter(Boolean).slice(0, wordLimit)
  const found = words
    .map(
      () => `AND (c.title LIKE ? ESCAPE '\\' OR EXISTS (
        SELECT 1 FROM messages m WHERE m.conversation_id = c.id AND m.text LIKE ? ESCAPE '\\'))`,
    )
    .join(' ')
  const rows = database
    .prepare(
      `SELECT c.* FROM conversations c WHERE c.deleted_at IS NULL AND c.space = ? ${found}
       ORDER BY c.updated_at DESC, c.rowid DESC LIMIT ${listLimit}`,
    )
    .all(space, ...words.flatMap((word) => [like(word), like(word)]))
  const first = words[0]
  if (first === undefined) return rows.map((row) => ({ conversation: conversationOf(row) }))
  const place = database.prepare(
    `SELECT text FROM messages WHERE conversation_id = ? AND text LIKE ? ESCAPE '\\'
     ORDER BY created_at DESC LIMIT 1`,
  )
  return rows.map((row) => {
    const conversation = conversationOf(row)
    const hit = place.get(conversation.id, like(first))
    return hit ? { conversation, snippet: snippetOf(String(hit.text), first) } : { conversation }
  })
}

function like(word: string): string {
  return `%${word.replace(/[\\%_]/g, (char) => `\\${char}`)}%`
}

function snippetOf(text: string, word: string): string {
  const flat = text.replace(/\s+/g, ' ').trim()
  const at = Math.max(0, flat.toLowerCase().indexOf(word.toLowerCase()))
  const from = Math.max(0, at - snippetBefore)
  const part = flat.slice(from, from + snippetLength)
  return `${from > 0 ? '…' : ''}${part}${from + snippetLength < flat.length ? '…' : ''}`
}
