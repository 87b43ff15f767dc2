import type { DatabaseSync } from 'node:sqlite'
import { migrate, transaction } from '#companion/records/database.ts'
import type { Artifact } from '#shared/domain/artifact.ts'
import {
  newestLeaf,
  titleFrom,
  type Conversation,
  type Message,
} from '#shared/domain/conversation.ts'
import { SiloError } from '#shared/errors/silo-error.ts'
import type { SentPrompt } from '#shared/generation/context.ts'
import { conversationOf, messageOf } from './rows.ts'

/** How long a deleted conversation can be restored, ms. */
const keptDeleted = 30 * 24 * 3600 * 1000

export interface NewConversation {
  readonly id: string
  readonly title?: string
  readonly collectionIds?: readonly string[]
  readonly modelId?: string
  /** Ms since 1970; now unless told. */
  readonly createdAt?: number
}

/** Conversations and their messages. Deleting keeps a conversation for 30 days. */
export class ConversationStore {
  readonly #database: DatabaseSync
  readonly #artifactsOf: (conversationId: string) => Artifact[]

  constructor(database: DatabaseSync, artifactsOf: (conversationId: string) => Artifact[]) {
    this.#database = database
    this.#artifactsOf = artifactsOf
    migrate(database, 'conversations', [
      `CREATE TABLE conversations (
        id TEXT PRIMARY KEY, title TEXT NOT NULL, created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL,
        leaf_id TEXT, model_id TEXT, collection_ids TEXT NOT NULL, deleted_at INTEGER
      ) STRICT;
      CREATE TABLE messages (
        id TEXT PRIMARY KEY, conversation_id TEXT NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
        parent_id TEXT, role TEXT NOT NULL, text TEXT NOT NULL, created_at INTEGER NOT NULL, run_id TEXT,
        outcome TEXT, error TEXT, model_id TEXT, citations TEXT, usage TEXT, sent_text TEXT, sent_from TEXT
      ) STRICT;
      CREATE INDEX messages_by_conversation ON messages (conversation_id, created_at);
      CREATE INDEX messages_by_run ON messages (run_id)`,
      `ALTER TABLE conversations ADD COLUMN space TEXT NOT NULL DEFAULT ''`,
      `ALTER TABLE messages ADD COLUMN placement TEXT`,
    ])
  }

  /**
   * Creates a conversation, or returns the one of that id. `space` is whose it is: '' for the owners, else a
   * device id. @throws SiloError conversation_unknown if it is deleted or another's
   */
  create(wanted: NewConversation, space = ''): Conversation {
    const createdAt = wanted.createdAt ?? Date.now()
    this.#database
      .prepare(
        `INSERT INTO conversations (id, title, created_at, updated_at, model_id, collection_ids, space)
         VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING`,
      )
      .run(
        wanted.id,
        wanted.title ?? '',
        createdAt,
        createdAt,
        wanted.modelId ?? null,
        JSON.stringify(wanted.collectionIds ?? []),
        space,
      )
    return this.get(wanted.id, space)
  }

  /** With `space`, a conversation of another is unknown. @throws SiloError conversation_unknown */
  get(id: string, space?: string): Conversation {
    const row = this.#database
      .prepare('SELECT * FROM conversations WHERE id = ? AND deleted_at IS NULL')
      .get(id)
    if (!row || (space !== undefined && row.space !== space))
      throw new SiloError('conversation_unknown')
    return conversationOf(row)
  }

  /** Whose a conversation is, deleted ones included; undefined if there is none of that id. */
  spaceOf(id: string): string | undefined {
    const row = this.#database.prepare('SELECT space FROM conversations WHERE id = ?').get(id)
    return row && String(row.space)
  }

  /** All messages of all branches, oldest first, with their artifacts. */
  messages(conversationId: string): Message[] {
    const artifacts = Map.groupBy(
      this.#artifactsOf(conversationId),
      (artifact) => artifact.messageId,
    )
    return this.#database
      .prepare('SELECT * FROM messages WHERE conversation_id = ? ORDER BY created_at, rowid')
      .all(conversationId)
      .map((row) => messageOf(row, artifacts.get(String(row.id))))
  }

  /** @throws SiloError conversation_unknown, message_unknown */
  patch(
    id: string,
    changes: {
      title?: string
      leafId?: string
      modelId?: string | null
      collectionIds?: readonly string[]
    },
  ): Conversation {
    return transaction(this.#database, () => {
      const known = this.get(id)
      if (changes.leafId !== undefined) this.#requireMessage(id, changes.leafId)
      const modelId = changes.modelId === undefined ? known.modelId : changes.modelId
      this.#database
        .prepare(
          'UPDATE conversations SET title = ?, leaf_id = ?, model_id = ?, collection_ids = ?, updated_at = ? WHERE id = ?',
        )
        .run(
          changes.title ?? known.title,
          changes.leafId === undefined
            ? known.leafId
            : newestLeaf(this.messages(id), changes.leafId),
          modelId ?? null,
          JSON.stringify(changes.collectionIds ?? known.collectionIds),
          // Looking at another branch is no change of content.
          changes.leafId !== undefined && Object.keys(changes).length === 1
            ? known.updatedAt
            : Date.now(),
          id,
        )
      return this.get(id)
    })
  }

  /** @throws SiloError conversation_unknown */
  remove(id: string): void {
    const { changes } = this.#database
      .prepare('UPDATE conversations SET deleted_at = ? WHERE id = ? AND deleted_at IS NULL')
      .run(Date.now(), id)
    if (Number(changes) === 0) throw new SiloError('conversation_unknown')
  }

  /** Undoes `remove`; a conversation that was not removed stays as it is. @throws SiloError conversation_unknown */
  restore(id: string): Conversation {
    this.#database.prepare('UPDATE conversations SET deleted_at = NULL WHERE id = ?').run(id)
    return this.get(id)
  }

  /** Takes a collection that is gone out of every conversation that used it. */
  forgetCollection(collectionId: string): void {
    this.#database
      .prepare(
        `UPDATE conversations SET collection_ids = (
          SELECT json_group_array(value) FROM json_each(collection_ids) WHERE value <> ?)
         WHERE EXISTS (SELECT 1 FROM json_each(collection_ids) WHERE value = ?)`,
      )
      .run(collectionId, collectionId)
  }

  /** Removes for good what was deleted more than 30 days ago. Returns how many conversations that were. */
  purge(now: number = Date.now()): number {
    return transaction(this.#database, () => {
      const old = 'SELECT id FROM conversations WHERE deleted_at < ?'
      this.#database
        .prepare(`DELETE FROM artifacts WHERE conversation_id IN (${old})`)
        .run(now - keptDeleted)
      this.#database
        .prepare(
          `DELETE FROM runs WHERE outcome IS NOT NULL AND kind = 'chat' AND subject IN (${old})`,
        )
        .run(now - keptDeleted)
      const { changes } = this.#database
        .prepare('DELETE FROM conversations WHERE deleted_at < ?')
        .run(now - keptDeleted)
      return Number(changes)
    })
  }

  /** The message of that id in that conversation, or undefined. */
  message(conversationId: string, id: string): Message | undefined {
    const row = this.#database
      .prepare('SELECT * FROM messages WHERE id = ? AND conversation_id = ?')
      .get(id, conversationId)
    return row && messageOf(row, undefined)
  }

  /** Whether any conversation has a message of that id. */
  hasMessage(id: string): boolean {
    return this.#database.prepare('SELECT 1 FROM messages WHERE id = ?').get(id) !== undefined
  }

  // What follows is called inside the transaction of a run's start or end.

  /** Adds a message and shows the branch that ends with it; names an unnamed conversation after its first. */
  insert(message: Message): void {
    this.#database
      .prepare(
        'INSERT INTO messages (id, conversation_id, parent_id, role, text, created_at, run_id, model_id) VALUES (?, ?, ?, ?, ?, ?, ?, ?)',
      )
      .run(
        message.id,
        message.conversationId,
        message.parentId,
        message.role,
        message.text,
        message.createdAt,
        message.runId ?? null,
        message.modelId ?? null,
      )
    this.#database
      .prepare(
        "UPDATE conversations SET leaf_id = ?, updated_at = ?, title = CASE WHEN title = '' THEN ? ELSE title END WHERE id = ?",
      )
      .run(
        message.id,
        message.createdAt,
        message.role === 'user' ? titleFrom(message.text) : '',
        message.conversationId,
      )
  }

  /** Writes what became of an assistant message. */
  finish(message: Message): void {
    this.#database
      .prepare(
        'UPDATE messages SET text = ?, outcome = ?, error = ?, model_id = coalesce(?, model_id), citations = ?, usage = ?, placement = ? WHERE id = ?',
      )
      .run(
        message.text,
        message.outcome ?? null,
        json(message.error),
        message.modelId ?? null,
        message.citations?.length ? json(message.citations) : null,
        json(message.usage),
        json(message.placement),
        message.id,
      )
    this.#database
      .prepare('UPDATE conversations SET updated_at = ? WHERE id = ?')
      .run(Date.now(), message.conversationId)
  }

  /** Shows another branch, and says when something was last written. */
  settle(id: string, leafId: string | null, updatedAt: number): void {
    this.#database
      .prepare('UPDATE conversations SET leaf_id = ?, updated_at = ? WHERE id = ?')
      .run(leafId, updatedAt, id)
  }

  /** Keeps how the context of an answer was made. */
  keepSentPrompt(messageId: string, sent: SentPrompt): void {
    this.#database
      .prepare('UPDATE messages SET sent_text = ?, sent_from = ? WHERE id = ?')
      .run(sent.userText ?? null, sent.from ?? null, messageId)
  }

  /** The collections a conversation asks; none where there is no such conversation. */
  collectionsOf(id: string): readonly string[] {
    const row = this.#database.prepare('SELECT * FROM conversations WHERE id = ?').get(id)
    return row ? conversationOf(row).collectionIds : []
  }

  /** Who has conversations, apart from the owners: device ids. */
  spaces(): string[] {
    return this.#database
      .prepare("SELECT DISTINCT space FROM conversations WHERE space <> ''")
      .all()
      .map((row) => String(row.space))
  }

  /** Forgets the prompts of a space's answers: the next ones are built from the messages alone. */
  forgetSentPrompts(space: string): void {
    this.#database
      .prepare(
        `UPDATE messages SET sent_text = NULL, sent_from = NULL WHERE conversation_id IN (
          SELECT id FROM conversations WHERE space = ?)`,
      )
      .run(space)
  }

  /** How the contexts of a conversation's answers were made, by assistant message id. */
  sentPrompts(conversationId: string): Map<string, SentPrompt> {
    const rows = this.#database
      .prepare(
        'SELECT id, sent_text, sent_from FROM messages WHERE conversation_id = ? AND (sent_text IS NOT NULL OR sent_from IS NOT NULL)',
      )
      .all(conversationId)
    return new Map(
      rows.map((row) => [
        String(row.id),
        {
          ...(row.sent_text === null ? {} : { userText: String(row.sent_text) }),
          ...(row.sent_from === null ? {} : { from: String(row.sent_from) }),
        },
      ]),
    )
  }

  #requireMessage(conversationId: string, id: string): void {
    if (!this.message(conversationId, id))
      throw new SiloError('message_unknown', { field: 'leafId' })
  }
}

function json(value: unknown): string | null {
  return value === undefined ? null : JSON.stringify(value)
}
