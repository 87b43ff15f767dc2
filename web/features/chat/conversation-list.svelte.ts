import type { Conversation } from '#shared/domain/conversation.ts'
import { toSiloError } from '#shared/errors/silo-error.ts'
import { conversationListSchema, conversationOnlySchema } from '#shared/protocol/api.ts'
import { request, send } from '#web/client/api.ts'
import { forgetConversation, keepList, keptList } from '#web/client/cache.ts'
import { Resource } from '#web/client/resource.svelte.ts'
import { onChange } from '#web/client/stream.ts'

export interface ListEntry {
  readonly conversation: Conversation
  readonly snippet?: string
}

const typingMs = 180

/** All conversations, newest first, or those a search finds. */
export class ConversationList {
  #query = $state('')
  #offline = $state(false)
  #timer: ReturnType<typeof setTimeout> | undefined
  readonly entries: Resource<ListEntry[]> = new Resource(async (signal) => {
    const query = this.#query.trim()
    try {
      const path = `/api/conversations${query ? `?query=${encodeURIComponent(query)}` : ''}`
      const { conversations } = await request(path, conversationListSchema, { signal })
      this.#offline = false
      if (!query) void keepList(conversations.map(({ conversation }) => conversation))
      return conversations
    } catch (cause) {
      const error = toSiloError(cause, 'page')
      const away = error.code === 'companion_unreachable' || error.code === 'timeout'
      const kept = away ? await keptList() : undefined
      if (!kept) throw error
      this.#offline = true
      const wanted = query.toLowerCase()
      return kept
        .filter(({ title }) => title.toLowerCase().includes(wanted))
        .map((conversation) => ({ conversation }))
    }
  })

  get query(): string {
    return this.#query
  }
  get offline(): boolean {
    return this.#offline
  }

  start(): () => void {
    const stop = onChange('conversations', () => void this.entries.load())
    void this.entries.load()
    return () => {
      stop()
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
    const path = `/api/conversations/${encodeURIComponent(id)}`
    const { conversation } = await request(path, conversationOnlySchema, {
      method: 'PATCH',
      body: { title },
    })
    this.#replace(id, conversation)
  }

  /** Deletes; the companion keeps it for 30 days and `restore` brings it back. */
  async remove(id: string): Promise<void> {
    await send(`/api/conversations/${encodeURIComponent(id)}`, { method: 'DELETE' })
    this.#replace(id)
    void forgetConversation(id)
  }

  async restore(id: string): Promise<void> {
    const path = `/api/conversations/${encodeURIComponent(id)}/restore`
    await request(path, conversationOnlySchema, { method: 'POST' })
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
