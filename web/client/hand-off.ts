import type { Message } from '#shared/domain/conversation.ts'
import { SiloError, toSiloError, toWire } from '#shared/errors/silo-error.ts'
import { conversationOnlySchema, conversationResponseSchema } from '#shared/protocol/api.ts'
import {
  maxImportLength,
  maxImportMessages,
  type ImportConversation,
  type ImportedMessage,
} from '#shared/protocol/hand-off.ts'
import {
  dropConversation,
  markChangesSynced,
  markNotTaken,
  markSynced,
  unsyncedIds,
  unsyncedOf,
} from '#web/replica/sync-records.ts'
import type { request, send } from './api.ts'
import type { Locks } from './page-host/ports.ts'

export interface HandOffOptions {
  readonly request: typeof request
  readonly send: typeof send
  readonly locks: Locks
  /** The companion that is connected; undefined while there is none. */
  readonly companionId: () => string | undefined
  /** Called for each conversation of which the companion was told something. */
  readonly onSynced: (conversationId: string) => void
}

const lockName = 'silo-hand-off'
/** Deleted conversations that no companion knows can be brought back for this long, ms. */
const keptDeleted = 30 * 24 * 3600 * 1000

/**
 * Tells the companion what was said, renamed and deleted on this device without it. One tab at a time; ids make a
 * repetition harmless.
 */
export class HandOff {
  readonly #options: HandOffOptions

  constructor(options: HandOffOptions) {
    this.#options = options
  }

  /** Hands over what is new in all conversations. Never throws: what is refused is noted at the conversation. */
  async syncAll(): Promise<void> {
    for (const id of await unsyncedIds()) {
      if (this.#options.companionId() === undefined) return
      try {
        await this.sync(id)
      } catch (cause) {
        const error = toSiloError(cause, 'page')
        if (error.retryable || error.code === 'unauthorized') return
      }
    }
  }

  /**
   * Hands over what the companion does not know of one conversation. `wholly`: also of one that another companion has.
   * @throws SiloError what the companion said, or companion_unreachable
   */
  async sync(id: string, options: { wholly?: boolean } = {}): Promise<void> {
    await this.#options.locks.request(lockName, async () => {
      const companionId = this.#options.companionId()
      if (companionId === undefined) throw new SiloError('companion_unreachable')
      const unsynced = await unsyncedOf(id, companionId)
      if (!unsynced) return
      const { row, messages } = unsynced
      const elsewhere = row.companionId !== null && row.companionId !== companionId
      if (row.deletedAt !== undefined) return this.#remove(id, row.deletedAt, elsewhere ? null : row.companionId) // prettier-ignore
      if (elsewhere && !options.wholly) return
      const news = messages.length > 0 || row.companionId === null || row.unsynced !== undefined
      if (!news) return
      try {
        if (messages.length > 0 || row.companionId === null)
          await this.#import(id, companionId, row.conversation, messages)
        if (row.unsynced) {
          const { conversation } = await this.#options.request(
            `/api/conversations/${encodeURIComponent(id)}`,
            conversationOnlySchema,
            { method: 'PATCH', body: row.unsynced },
          )
          await markChangesSynced(id, conversation)
        }
      } catch (cause) {
        const error = toSiloError(cause, 'page')
        if (!error.retryable && error.code !== 'unauthorized') await markNotTaken(id, toWire(error))
        throw error
      }
      this.#options.onSynced(id)
    })
  }

  async #import(
    id: string,
    companionId: string,
    conversation: { title: string; createdAt: number; leafId: string | null },
    messages: readonly Message[],
  ): Promise<void> {
    const { title, createdAt, leafId } = conversation
    for (const batch of batches(messages)) {
      const there = batch.some((message) => message.id === leafId)
      const body: ImportConversation = {
        title,
        createdAt,
        ...(there ? { leafId } : {}),
        messages: batch.map(imported),
      }
      const path = `/api/conversations/${encodeURIComponent(id)}/import`
      await this.#options.request(path, conversationResponseSchema, { method: 'POST', body })
      await markSynced(id, companionId, batch.map((message) => message.id)) // prettier-ignore
    }
  }

  async #remove(id: string, deletedAt: number, companionId: string | null): Promise<void> {
    if (companionId === null) {
      if (Date.now() - deletedAt > keptDeleted) await dropConversation(id)
      return
    }
    const path = `/api/conversations/${encodeURIComponent(id)}`
    await this.#options.send(path, { method: 'DELETE' }).catch((cause: unknown) => {
      // Deleted there already is as good.
      if (toSiloError(cause, 'page').code !== 'conversation_unknown') throw cause
    })
    await dropConversation(id)
    this.#options.onSynced(id)
  }
}

/** Oldest first, so that a parent is never in a later batch than its answer. At least one, even if it is empty. */
function batches(messages: readonly Message[]): Message[][] {
  const all: Message[][] = [[]]
  let length = 0
  for (const message of messages) {
    const last = all.at(-1)!
    if (
      last.length > 0 &&
      (last.length === maxImportMessages || length + message.text.length > maxImportLength)
    ) {
      // prettier-ignore
      all.push([message])
      length = message.text.length
    } else {
      last.push(message)
      length += message.text.length
    }
  }
  return all
}

function imported(message: Message): ImportedMessage {
  const { id, text, createdAt, parentId, role, outcome } = message
  if (role === 'user') return { id, role, parentId, text, createdAt }
  const { error, modelId, citations, usage, placement } = message
  return {
    id,
    role,
    parentId: parentId ?? '',
    text,
    createdAt,
    outcome: outcome ?? 'interrupted',
    ...(error ? { error } : {}),
    ...(modelId === undefined ? {} : { modelId }),
    ...(citations?.length ? { citations } : {}),
    ...(usage ? { usage } : {}),
    ...(placement ? { placement } : {}),
  }
}
