import { SvelteMap } from 'svelte/reactivity'
import type { Intent } from '#shared/domain/agent-task.ts'
import {
  branchOf,
  newestLeaf,
  type Conversation,
  type Message,
} from '#shared/domain/conversation.ts'
import { newId } from '#shared/domain/ids.ts'
import { SiloError, toSiloError, type WireError } from '#shared/errors/silo-error.ts'
import type { Placement } from '#shared/router/placement.ts'
import { hosts, type ReadConversation } from '#web/client/hosts.svelte.ts'
import { placeQuestion, type Pin } from '#web/client/placing.svelte.ts'
import { onChange } from '#web/client/stream.ts'
import type { AgentRun, ChatRun, WaitingQuestion } from '#web/replica/records.ts'
import { remember, remembered } from '#web/ui/remembered.ts'
import { emptyAnswer, foldAnswer, withAnswer, type LiveAnswer } from './live-answer.ts'
import { branchPlaces, mergeMessages, withMessages, withWaiting } from './tree.ts'

/** What became of a message: `nowhere` means that nothing on this device or beside it can answer now. */
export type Sent = 'started' | 'waits' | 'nowhere'

/** So often a conversation is read for a message that was sent before it was there. */
const mostReads = 5

/** One conversation: its messages in all branches, the branch that is shown, and the answers being written. */
export class ConversationStore {
  readonly id: string
  #conversation = $state.raw<Conversation>()
  #messages = $state.raw<Message[]>([])
  #waiting = $state.raw<readonly WaitingQuestion[]>([])
  #refusal = $state.raw<WireError>()
  #pin = $state<Pin>()
  #leafId = $state<string | null>(null)
  #loadError = $state.raw<SiloError>()
  #offline = $state(false)
  #loaded = $state(false)
  readonly #answers = new SvelteMap<string, LiveAnswer>()
  /** Runs that are tasks of the agent, and where each was to go. */
  readonly #tasks = new SvelteMap<string, Intent | undefined>()
  /** Messages of a run the companion has not confirmed yet. */
  readonly #unsent = new Set<string>()
  readonly #stops = new Map<string, () => void>()
  /** The last request that failed, so that sending the same again cannot write it twice. */
  #failed: ChatRun | undefined
  #created = $state(true)
  #reads = 0
  #disposed = false
  #stopListening: () => void = () => {}

  /** With the questions that wait for a companion, and the answers they will get. */
  readonly #all = $derived(withWaiting(this.#messages, this.#waiting))
  readonly branch = $derived(
    branchOf(this.#all, this.#leafId).map((message) => {
      const answer = this.#answers.get(message.id)
      return answer && message.outcome === undefined ? withAnswer(message, answer) : message
    }),
  )
  readonly places = $derived(branchPlaces(this.#all))
  /** The assistant message being written on this branch. */
  readonly writing = $derived(
    this.branch.findLast(({ role, outcome }) => role === 'assistant' && outcome === undefined),
  )
  readonly lastAnswer = $derived(this.branch.findLast(({ role }) => role === 'assistant'))

  /** With `fresh` the conversation exists on this page only, until the first message is sent. */
  constructor(id: string, options: { fresh?: { collectionIds: string[]; modelId?: string } } = {}) {
    this.id = id
    this.#created = options.fresh === undefined
    const pin = remembered(`pin.${id}`)
    this.#pin = pin === 'page' || pin === 'companion' ? pin : undefined
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
  /** What is shown is this device's copy; the companion's may have more. */
  get offline(): boolean {
    return this.#offline
  }
  /** Why the companion did not take what was said on this device. */
  get refusal(): WireError | undefined {
    return this.#refusal
  }
  /** Where the answers are to be written; undefined leaves it to the size of each task. */
  get pin(): Pin | undefined {
    return this.#pin
  }

  setPin(pin: Pin | undefined): void {
    this.#pin = pin
    if (this.#created) this.#rememberPin()
  }

  /** The question that waits for a companion and will be answered by this message. */
  waitingFor(assistantId: string): WaitingQuestion | undefined {
    return this.#waiting.find(({ run }) => run.assistantMessageId === assistantId)
  }

  /** False until the first message has been taken by a host. */
  get created(): boolean {
    return this.#created
  }

  /** Whether a message is the answer of an agent's task. */
  isTask({ id, runId }: Pick<Message, 'id' | 'runId'>): boolean {
    return (runId !== undefined && this.#tasks.has(runId)) || this.#answers.get(id)?.task === true
  }

  /** A run of this conversation is known to be a task, e.g. from the list of all tasks. */
  noteTask(runId: string, intent?: Intent): void {
    if (!this.#tasks.has(runId)) this.#tasks.set(runId, intent)
  }

  answer(messageId: string): LiveAnswer | undefined {
    return this.#answers.get(messageId)
  }

  start(): () => void {
    this.#disposed = false
    const stops = [
      onChange('conversations', (change) => {
        if (this.#created && (change.id === undefined || change.id === this.id)) void this.load()
      }),
      hosts.onChange((id) => {
        if (this.#created && id === this.id) void this.load()
      }),
    ]
    this.#stopListening = () => stops.forEach((stop) => stop())
    if (this.#created) void this.#open()
    return () => this.dispose()
  }

  dispose(): void {
    this.#disposed = true
    this.#stopListening()
    for (const stop of this.#stops.values()) stop()
    this.#stops.clear()
  }

  /**
   * Waits until the conversation has been read: what is sent needs to know its end and its settings.
   * @throws SiloError where it cannot be read
   */
  async ready(): Promise<void> {
    // A read that a newer one overtook says nothing; that one is waited for by another.
    for (let reads = 0; !this.#loaded && reads < mostReads; reads++) await this.load()
    if (!this.#loaded) throw this.#loadError ?? new SiloError('conversation_unknown')
  }

  /** Reads the conversation: from the companion, with what was said here since; without one, this device's copy. */
  async load(): Promise<void> {
    const version = ++this.#reads
    try {
      const read = await hosts.read(this.id)
      // A newer read has begun, and will say more.
      if (version !== this.#reads) return
      this.#take(read)
      this.#offline = read.from === 'device' && read.companionId !== null
      this.#loadError = undefined
    } catch (cause) {
      if (version === this.#reads) this.#loadError = toSiloError(cause, 'page')
    }
    this.#follow()
  }

  /**
   * Sends a message: at the end of the branch, or with `replaces` as another version of that user message.
   * It is on the screen at once; when it is refused, it goes away again and the error is thrown. `deciding`: where it
   * is to go; a task of the agent where that says so.
   */
  async send(
    text: string,
    replaces?: string,
    pin = this.#pin,
    deciding?: Promise<Intent | undefined>,
  ): Promise<Sent> {
    const replaced = this.#messages.find(({ id }) => id === replaces)
    const parentId = replaces === undefined ? this.#leafId : (replaced?.parentId ?? null)
    const again = this.#failed?.userMessage
    const same = again?.text === text && again.parentId === parentId
    const run: ChatRun = same && this.#failed ? this.#failed : this.#newRun({ text, parentId })
    return this.#begin(run, pin, deciding)
  }

  /** Asks for another answer to the same question, perhaps elsewhere; the earlier one stays as a branch. */
  async regenerate(assistantId: string, pin = this.#pin): Promise<Sent> {
    const message = this.#messages.find(({ id }) => id === assistantId)
    if (!message?.parentId) return 'nowhere'
    const run = this.#newRun(message.parentId)
    if (!this.isTask(message)) return this.#begin(run, pin)
    return this.#begin({ ...run, kind: 'agent', ...withIntent(this.#tasks.get(message.runId ?? '')) }, pin) // prettier-ignore
  }

  /** Answers a user message that has no answer, e.g. because the page was closed too early. */
  async answerTo(userId: string): Promise<Sent> {
    return this.#begin(this.#newRun(userId), this.#pin)
  }

  /** Has a waiting question answered by this device. */
  async answerHere(runId: string): Promise<void> {
    await hosts.answerHere(runId)
    await this.load()
  }

  /** Gives a waiting question up. Returns its text, or undefined where it was sent meanwhile. */
  async discard(runId: string): Promise<string | undefined> {
    const waiting = this.#waiting.find(({ run }) => run.id === runId)
    const given = await hosts.discard(runId)
    await this.load()
    return given ? waiting?.run.userMessage?.text : undefined
  }

  /** Sends a question again that the companion refused. */
  retry(runId: string): Promise<void> {
    return hosts.retry(runId)
  }

  async stop(): Promise<void> {
    const runId = this.writing?.runId
    if (runId) await hosts.cancel(runId)
  }

  /** Shows the branch below one of the alternatives, and remembers that. */
  async choose(messageId: string): Promise<void> {
    this.#leafId = newestLeaf(this.#all, messageId)
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

  async #begin(
    wanted: ChatRun | AgentRun,
    pin: Pin | undefined,
    deciding?: Promise<Intent | undefined>,
  ): Promise<Sent> {
    let run = wanted
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
    const undo = (): void => {
      const ids = new Set(sent.map(({ id }) => id))
      this.#messages = this.#messages.filter(({ id }) => !ids.has(id))
      this.#leafId = leafBefore
    }
    for (const { id } of sent) this.#unsent.add(id)
    this.#messages = withMessages(this.#messages, ...sent)
    this.#leafId = answerId
    try {
      const intent = await deciding
      if (run.kind === 'chat' && (intent?.kind === 'agent' || intent?.kind === 'skill')) {
        const { reason: _ofPlace, ...rest } = run
        run = { ...rest, kind: 'agent', intent }
      }
      if (run.kind === 'agent') {
        await this.#beginTask(run)
        return 'started'
      }
      const placement = await this.#place(parentId, pin)
      const conversation = this.#conversation
      if ((placement.place === 'retrieval' && !placement.passages) || !conversation) {
        undo()
        return 'nowhere'
      }
      const became = await hosts.begin(withReason(run, placement), placement, conversation)
      this.#begun()
      for (const { id } of sent) this.#unsent.delete(id)
      if (became === 'waits') await this.load()
      else this.#follow()
      return became
    } catch (cause) {
      this.#failed = run.kind === 'chat' ? run : undefined
      undo()
      throw toSiloError(cause, 'page')
    } finally {
      for (const { id } of sent) this.#unsent.delete(id)
    }
  }

  async #beginTask(run: AgentRun): Promise<void> {
    const conversation = this.#conversation
    if (!conversation) throw new SiloError('conversation_unknown')
    await hosts.beginTask(run, conversation)
    // Only now: what shows a task reads its run at once.
    this.#tasks.set(run.id, run.intent)
    this.#begun()
    this.#unsent.delete(run.assistantMessageId)
    this.#follow()
  }

  #begun(): void {
    this.#failed = undefined
    if (this.#created) return
    this.#created = true
    this.#rememberPin()
  }

  #place(questionId: string, pin: Pin | undefined): Promise<Placement> {
    const branch = branchOf(this.#messages, questionId)
    return placeQuestion({
      text: branch.at(-1)?.text ?? '',
      branch: branch.slice(0, -1),
      collectionIds: this.#conversation?.collectionIds ?? [],
      pin,
    })
  }

  #rememberPin(): void {
    remember(`pin.${this.id}`, this.#pin ?? null)
  }

  async #patch(body: object): Promise<void> {
    this.#conversation = await hosts.change(this.id, body)
  }

  /** What this device has is on the screen while the companion is asked. */
  async #open(): Promise<void> {
    const asked = this.load()
    const kept = await hosts.kept(this.id)
    if (kept && !this.#loaded && !this.#disposed) {
      this.#take(kept)
      this.#follow()
    }
    await asked
  }

  #take({ conversation, messages, waiting, refusal }: ReadConversation): void {
    this.#refusal = refusal
    this.#conversation = conversation
    this.#waiting = waiting
    this.#messages = mergeMessages(this.#messages, messages, this.#unsent)
    if (this.#unsent.size === 0) {
      const shown = this.#all.some(({ id }) => id === this.#leafId)
      const waits = waiting.at(-1)?.run.assistantMessageId
      // Another device may have gone on here; a branch chosen on this page stays chosen.
      if (!this.#loaded || !shown || this.#leafId === null)
        this.#leafId = waits ?? conversation.leafId
      else if (this.#leafId !== conversation.leafId && conversation.leafId) {
        const line = branchOf(this.#all, conversation.leafId)
        if (line.some(({ id }) => id === this.#leafId)) this.#leafId = conversation.leafId
      }
    }
    this.#loaded = true
  }

  /** Attaches to every answer being written, and reads how the newest finished one came about. */
  #follow(): void {
    if (this.#disposed) return
    for (const message of this.#messages) {
      if (message.role !== 'assistant' || !message.runId || this.#unsent.has(message.id)) continue
      if (message.outcome === undefined || message.id === this.lastAnswer?.id)
        this.#attach(message.id, message.runId)
    }
  }

  #attach(messageId: string, runId: string): void {
    if (this.#stops.has(runId) || this.#answers.get(messageId)?.fields.outcome !== undefined) return
    let answer = emptyAnswer
    const stop = hosts.follow(runId, {
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

function withIntent(intent: Intent | undefined): { intent?: Intent } {
  return intent ? { intent } : {}
}

/** Why this place was chosen goes with the run, where there was a choice. */
function withReason(run: ChatRun, { place, reason }: Placement): ChatRun {
  return place === 'page' ||
    place === 'retrieval' ||
    reason === 'default-model' ||
    reason === 'no-page-model'
    ? run
    : { ...run, reason }
}
