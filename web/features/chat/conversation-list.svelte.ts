import type { Conversation } from '#shared/domain/conversation.ts'
import { toSiloError } from '#shared/errors/silo-error.ts'
import { conversationListSchema } from '#shared/protocol/api.ts'
import { request } from '#web/client/api.ts'
import { hosts, isAway } from '#web/client/hosts.svelte.ts'
import { Resource } from '#web/client/resource.svelte.ts'
import { onChange } from '#web/client/stream.ts'
import { connection } from '#web/client/stream.svelte.ts'
import { hasDatabase, replicaName } from '#web/replica/present.ts'

export interface ListEntry {
  readonly conversation: Conversation
  readonly snippet?: string
}

const typingMs = 180

/** All conversations, newest first, or those a search finds. */
export class ConversationList {
  #query = $state('')
  #timer: ReturnType<typeof setTimeout> | undefined
  readonly entries: Resource<ListEntry[]> = new Resource((signal) =>
    readEntries(this.#query.trim(), signal),
  )

  get query(): string {
    return this.#query
  }

  start(): () => void {
    const again = (): void => void this.entries.load()
    const stops = [onChange('conversations', again), hosts.onChange(again)]
    again()
    return () => {
      for (const stop of stops) stop()
      clearTimeout(this.#timer)
      this.entries.dispose()
    }
  }

  search(query: string): void {
    this.#query = query
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => void this.entries.load(), typingMs)
  }

  async rename(id: string, title: string): Promise<void> {
    this.#replace(id, await hosts.change(id, { title }))
  }

  /** Deletes; it is kept for 30 days and `restore` brings it back. */
  async remove(id: string): Promise<void> {
    await hosts.remove(id)
    this.#replace(id)
  }

  async restore(id: string): Promise<void> {
    await hosts.restore(id)
    await this.entries.load()
  }

  #replace(id: string, conversation?: Conversation): void {
    const next = (this.entries.value ?? []).flatMap((entry) => {
      if (entry.conversation.id !== id) return [entry]
      return conversation ? [{ ...entry, conversation }] : []
    })
    this.entries.set(next)
  }
}

/** From the companion, with what it does not know yet; without one from this device. */
async function readEntries(query: string, signal: AbortSignal): Promise<ListEntry[]> {
  if (['offline', 'page-only', 'revoked'].includes(connection.state)) return keptEntries(query)
  try {
    const path = `/api/conversations${query ? `?query=${encodeURIComponent(query)}` : ''}`
    const { conversations } = await request(path, conversationListSchema, { signal })
    if (conversations.length === 0 && !(await hasDatabase(replicaName))) return []
    const { keepList, onlyHere } = await import('#web/replica/lists.ts')
    if (!query) void keepList(conversations.map(({ conversation }) => conversation))
    const known = new Set(conversations.map(({ conversation }) => conversation.id))
    const mine = (await onlyHere()).filter(({ id, title }) => !known.has(id) && holds(title, query))
    return [...mine.map((conversation) => ({ conversation })), ...conversations].sort(
      (a, b) => b.conversation.updatedAt - a.conversation.updatedAt,
    )
  } catch (cause) {
    if (!isAway(toSiloError(cause, 'page'))) throw cause
    return keptEntries(query)
  }
}

async function keptEntries(query: string): Promise<ListEntry[]> {
  const { keptList } = await import('#web/replica/lists.ts')
  const kept = await keptList()
  if (!query) return kept.map((conversation) => ({ conversation }))
  const { searchLocal } = await import('#web/client/page-host/page-conversations.ts')
  const found = await searchLocal(query)
  // Conversations that were never opened here have a title only.
  const ids = new Set(found.map(({ conversation }) => conversation.id))
  const titled = kept.filter(({ id, title }) => !ids.has(id) && holds(title, query))
  return [...found, ...titled.map((conversation) => ({ conversation }))]
}

function holds(title: string, query: string): boolean {
  return title.toLowerCase().includes(query.toLowerCase())
}
