import type { Artifact } from '#shared/domain/artifact.ts'
import type { Conversation, Message } from '#shared/domain/conversation.ts'

type Row = Record<string, unknown>

export function conversationOf(row: Row): Conversation {
  return {
    id: String(row.id),
    title: String(row.title),
    createdAt: Number(row.created_at),
    updatedAt: Number(row.updated_at),
    leafId: row.leaf_id === null ? null : String(row.leaf_id),
    ...(row.model_id === null ? {} : { modelId: String(row.model_id) }),
    collectionIds: JSON.parse(String(row.collection_ids)) as string[],
  }
}

/** `artifacts` are those of this message; an empty list is left out. */
export function messageOf(row: Row, artifacts: readonly Artifact[] | undefined): Message {
  return {
    id: String(row.id),
    conversationId: String(row.conversation_id),
    parentId: row.parent_id === null ? null : String(row.parent_id),
    role: row.role as Message['role'],
    text: String(row.text),
    createdAt: Number(row.created_at),
    ...(row.run_id === null ? {} : { runId: String(row.run_id) }),
    ...(row.outcome === null ? {} : { outcome: row.outcome as NonNullable<Message['outcome']> }),
    ...(row.error === null ? {} : { error: json<NonNullable<Message['error']>>(row.error) }),
    ...(row.model_id === null ? {} : { modelId: String(row.model_id) }),
    ...(row.citations === null ? {} : { citations: json<Message['citations']>(row.citations) }),
    ...(artifacts?.length ? { artifacts: [...artifacts] } : {}),
    ...(row.usage === null ? {} : { usage: json<NonNullable<Message['usage']>>(row.usage) }),
    ...(row.placement === null
      ? {}
      : { placement: json<NonNullable<Message['placement']>>(row.placement) }),
  }
}

function json<T>(value: unknown): T {
  return JSON.parse(String(value)) as T
}
