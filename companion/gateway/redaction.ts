import type { Citation, Message } from '#shared/domain/conversation.ts'
import type { RunEvent } from '#shared/protocol/run-event.ts'
import type { Rights } from './rights.ts'

/**
 * The messages as the caller may read them now: of a collection that was taken from it since, the passages are
 * withheld. What the answers said with them stays; it was said.
 */
export function readableMessages(messages: readonly Message[], rights: Rights): Message[] {
  if (rights.device === 'self') return [...messages]
  return messages.map((message) =>
    message.citations
      ? { ...message, citations: message.citations.map((citation) => readable(citation, rights)) }
      : message,
  )
}

/** The same for what a run wrote down. */
export function withoutUnreadable(event: RunEvent, rights: Rights): RunEvent {
  if (event.body.type !== 'citation' || rights.device === 'self') return event
  return { ...event, body: { ...event.body, citation: readable(event.body.citation, rights) } }
}

function readable(citation: Citation, rights: Rights): Citation {
  if (rights.may(citation.collectionId, 'read')) return citation
  const { marker, documentId, collectionId, chunkId } = citation
  const nothing = { title: '', path: '', headings: [], start: 0, end: 0, text: '' }
  return { marker, documentId, collectionId, chunkId, ...nothing, withheld: true }
}
