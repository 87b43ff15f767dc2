import { SvelteMap } from 'svelte/reactivity'
import {
  branchOf,
  newestLeaf,
  type Conversation,
  type Message,
} from '#shared/domain/conversation.ts'
import { newId } from '#shared/domain/ids.ts'
import { toSiloError, type SiloError } from '#shared/errors/silo-error.ts'
import {
  conversationOnlySchema,
  conversationResponseSchema,
  type StartRun,
} from '#shared/protocol/api.ts'
import { request } from '#web/client/api.ts'
import { keepConversation, keptConversation } from '#web/client/cache.ts'
import { cancelRun, startRun } from '#web/client/run-actions.ts'
import { followRun, onChange } from '#web/client/stream.ts'
import { emptyAnswer, foldAnswer, withAnswer, type LiveAnswer } from './live-answer.ts'
import { branchPlaces, mergeMessages, withMessages } from './tree.ts'

type ChatRun = Extract<StartRun, { kind: 'chat' }>

/** One conversation: its messages in all branches, the branch that is shown, and the answers being written. */
export class ConversationStore {
  readonly id: string
  #conversation = $state.raw<Conversation>()
  #messages = $state.raw<Message[]>([])
  #leafId = $state<string | null>(null)
  #loadError = $state.raw<SiloError>()
  #offline = $state(false)
  #loaded = $state(false)
  readonly #answers = new SvelteMap<string, LiveAnswer>()
  /** Messages of a run the companion has not confirmed yet. */
  readonly #unsent = new Set<string>()
  readonly #stops = new Map<string, () => void>()
  /** The last request that failed, so that sending the same again cannot write it twice. */
  #failed: ChatRun | undefined
  #created = $state(true)
  #disposed = false
  #stopListening: () => void = () => {}

  readonly branch = $derived(
    branchOf(this.#messages, this.#leafId).map((message) => {
      const answer = this.#answers.get(message.id)
      return answer && message.outcome === undefined ? withAnswer(message, answer) : message
    }),
  )
  readonly places = $derived(branchPlaces(this.#messages))
  /** The assistant message being written on this branch. */
  readonly writing = $derived(
    this.branch.findLast(({ role, outcome }) => role === 'assistant' && outcome === undefined),
  )
  readonly lastAnswer = $derived(this.branch.findLast(({ role }) => role === 'assistant'))

  /** With `fresh` the conversation exists on this page only, until the first message is sent. */
  constructor(id: string, options: { fresh?: { collectionIds: string[]; modelId?: string } } = {}) {
    this.id = id
    this.#created = options.fresh === undefined
    if (options.fresh) {
      const now = Date.now()
      const base = { id, title: '', createdAt: now, updatedAt: now, leafId: null }
      this.#conversation = { ...base, ...options.fresh }
      this.#loaded = true
    }
  }

  get conversation(): Conversation | undefined {
    return this.#conversation
  }
  get loaded(): boolean {
    return this.#loaded
  }
  get loadError(): SiloError | undefined {
    return this.#loadError
  }
  /** What is shown is this browser's copy; nothing can be changed. */
  get offline(): boolean {
    return this.#offline
  }

  /** False until the first message has reached the companion. */
  get created(): boolean {
    return this.#created
  }

  answer(messageId: string): LiveAnswer | undefined {
    return this.#answers.get(messageId)
  }

  start(): () => void {
    this.#disposed = false
    this.#stopListening = onChange('conversations', (change) => {
      if (this.#created && (change.id === undefined || change.id === this.id)) void this.load()
    })
    if (this.#created) void this.load()
    return () => this.dispose()
  }

  dispose(): void {
    this.#disposed = true
    this.#stopListening()
    for (const stop of this.#stops.values()) stop()
    this.#stops.clear()
  }

  /** Reads the conversation; without a companion, this browser's copy of it. */
  async load(): Promise<void> {
    try {
      const path = `/api/conversations/${encodeURIComponent(this.id)}`
      const answer = await request(path, conversationResponseSchema)
      this.#take(answer.conversation, answer.messages)
      this.#offline = false
      this.#loadError = undefined
      void keepConversation(answer)
    } catch (cause) {
      const error = toSiloError(cause, 'page')
      const away = error.code === 'companion_unreachable' || error.code === 'timeout'
      const kept = away && !this.#loaded ? await keptConversation(this.id) : undefined
      if (kept) this.#take(kept.conversation, kept.messages)
      if (away && this.#loaded) this.#offline = true
      else this.#loadError = error
    }
    this.#follow()
  }

  /**
   * Sends a message: at the end of the branch, or with `replaces` as another version of that user message.
   * It is on the screen at once; when the companion refuses it, it goes away again and the error is thrown.
   */
  async send(text: string, replaces?: string): Promise<void> {
    const replaced = this.#messages.find(({ id }) => id === replaces)
    const parentId = replaces === undefined ? this.#leafId : (replaced?.parentId ?? null)
    const again = this.#failed?.userMessage
    const same = again?.text === text && again.parentId === parentId
    const run: ChatRun = same && this.#failed ? this.#failed : this.#newRun({ text, parentId })
    await this.#begin(run)
  }

  /** Asks for another answer to the same question; the earlier one stays as a branch. */
  async regenerate(assistantId: string): Promise<void> {
    const parentId = this.#messages.find(({ id }) => id === assistantId)?.parentId
    if (parentId) await this.#begin(this.#newRun(parentId))
  }

  /** Answers a user message that has no answer, e.g. because the page was closed too early. */
  async answerTo(userId: string): Promise<void> {
    await this.#begin(this.#newRun(userId))
  }

  async stop(): Promise<void> {
    const runId = this.writing?.runId
    if (runId) await cancelRun(runId)
  }

  /** Shows the branch below one of the alternatives, and remembers that. */
  async choose(messageId: string): Promise<void> {
    this.#leafId = newestLeaf(this.#messages, messageId)
    this.#follow()
    await this.#patch({ leafId: this.#leafId }).catch(() => {})
  }

  /** Model, collections or title. Before the first message it is kept here. */
  async change(patch: { modelId?: string | null; collectionIds?: string[]; title?: string }) {
    const known = this.#conversation
    if (known) {
      const { modelId, ...rest } = patch
      const { modelId: before, ...base } = known
      const model = modelId === undefined ? before : (modelId ?? undefined)
      this.#conversation = { ...base, ...rest, ...(model === undefined ? {} : { modelId: model }) }
    }
    if (this.#created) await this.#patch(patch)
  }

  #newRun(to: string | { text: string; parentId: string | null }): ChatRun {
    const modelId = this.#conversation?.modelId
    const userMessage = typeof to === 'string' ? undefined : { id: newId(), ...to }
    return {
      kind: 'chat',
      id: newId(),
      conversationId: this.id,
      ...(userMessage ? { userMessage } : {}),
      parentId: userMessage?.id ?? (to as string),
      assistantMessageId: newId(),
      ...(modelId === undefined ? {} : { modelId }),
    }
  }

  async #begin(run: ChatRun): Promise<void> {
    const { id: runId, conversationId, userMessage, assistantMessageId: answerId, parentId } = run
    const leafBefore = this.#leafId
    const createdAt = Date.now()
    const sent: Message[] = [
      ...(userMessage
        ? [{ ...userMessage, conversationId, role: 'user' as const, createdAt }]
        : []),
      {
        id: answerId,
        conversationId,
        parentId,
        role: 'assistant',
        text: '',
        createdAt: createdAt + 1,
        runId,
      },
    ]
    for (const { id } of sent) this.#unsent.add(id)
    this.#messages = withMessages(this.#messages, ...sent)
    this.#leafId = answerId
    try {
      await this.#create()
      await startRun(run)
      this.#failed = undefined
      this.#follow()
    } catch (cause) {
      this.#failed = run
      const ids = new Set(sent.map(({ id }) => id))
      this.#messages = this.#messages.filter(({ id }) => !ids.has(id))
      this.#leafId = leafBefore
      throw toSiloError(cause, 'page')
    } finally {
      for (const { id } of sent) this.#unsent.delete(id)
    }
  }

  async #create(): Promise<void> {
    if (this.#created) return
    const { collectionIds = [], modelId } = this.#conversation ?? {}
    const body = { id: this.id, collectionIds, ...(modelId === undefined ? {} : { modelId }) }
    const { conversation } = await request('/api/conversations', conversationOnlySchema, {
      method: 'POST',
      body,
    })
    this.#conversation = conversation
    this.#created = true
  }

  async #patch(body: object): Promise<void> {
    const path = `/api/conversations/${encodeURIComponent(this.id)}`
    const { conversation } = await request(path, conversationOnlySchema, { method: 'PATCH', body })
    this.#conversation = conversation
  }

  #take(conversation: Conversation, messages: Message[]): void {
    this.#conversation = conversation
    this.#messages = mergeMessages(this.#messages, messages, this.#unsent)
    if (this.#unsent.size === 0) {
      const shown = this.#messages.some(({ id }) => id === this.#leafId)
      // Another device may have gone on here; a branch chosen on this page stays chosen.
      if (!this.#loaded || !shown || this.#leafId === null) this.#leafId = conversation.leafId
      else if (this.#leafId !== conversation.leafId && conversation.leafId) {
        const line = branchOf(this.#messages, conversation.leafId)
        if (line.some(({ id }) => id === this.#leafId)) this.#leafId = conversation.leafId
      }
    }
    this.#loaded = true
  }

  /** Attaches to every answer being written, and reads how the newest finished one came about. */
  #follow(): void {
    if (this.#disposed || this.#offline) return
    for (const message of this.#messages) {
      if (message.role !== 'assistant' || !message.runId || this.#unsent.has(message.id)) continue
      if (message.outcome === undefined || message.id === this.lastAnswer?.id)
        this.#attach(message.id, message.runId)
    }
  }

  #attach(messageId: string, runId: string): void {
    if (this.#stops.has(runId) || this.#answers.get(messageId)?.fields.outcome !== undefined) return
    let answer = emptyAnswer
    const stop = followRun(runId, {
      onEvent: (event) => {
        answer = foldAnswer(answer, event)
        this.#answers.set(messageId, answer)
      },
      onEnd: () => {
        this.#stops.delete(runId)
        const message = this.#messages.find(({ id }) => id === messageId)
        if (!message || message.outcome !== undefined) return
        this.#messages = withMessages(this.#messages, withAnswer(message, answer))
        void this.load()
      },
      onError: () => this.#stops.delete(runId),
    })
    this.#stops.set(runId, stop)
  }
}
