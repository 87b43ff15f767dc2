import type { ChangeFeed } from '#companion/observe/change-feed.ts'
import type { RunRegistry, RunSpec } from '#companion/runs/registry.ts'
import type { Citation, Message } from '#shared/domain/conversation.ts'
import { SiloError } from '#shared/errors/silo-error.ts'
import type { StartRun } from '#shared/protocol/api.ts'
import type { RunSummary } from '#shared/protocol/run-event.ts'
import { languageOf } from '#shared/generation/language.ts'
import { ArtifactExtractor } from './artifact-extractor.ts'
import { answer, type AnswerDraft, type ChatDeps } from './chat-run.ts'

export type StartChat = Extract<StartRun, { kind: 'chat' }>

/** Turns chat requests into runs, and puts answers right that a former process left unfinished. */
export class ChatService {
  readonly #deps: ChatDeps
  readonly #runs: RunRegistry
  readonly #changes: ChangeFeed

  constructor(deps: ChatDeps, runs: RunRegistry, changes: ChangeFeed) {
    this.#deps = deps
    this.#runs = runs
    this.#changes = changes
  }

  /** @throws SiloError conversation_unknown, message_unknown, conflict, run_conflict, shutting_down */
  start(request: StartChat, space = ''): RunSummary {
    const { conversations } = this.#deps
    const conversationId = request.conversationId
    const draft: AnswerDraft = { text: '', citations: [] }
    const spec: RunSpec = {
      id: request.id,
      kind: 'chat',
      subject: conversationId,
      messageId: request.assistantMessageId,
      space,
      request,
      prepare: () => this.prepare(request, space),
      execute: (run) =>
        answer(
          run,
          {
            conversation: conversations.get(conversationId),
            caller: space || 'self',
            parentId: request.parentId,
            assistantMessageId: request.assistantMessageId,
            modelId: request.modelId,
            reason: request.reason,
          },
          draft,
          this.#deps,
        ),
      settle: ({ outcome, error }) => {
        const message = conversations.message(conversationId, request.assistantMessageId)
        if (!message) return
        conversations.finish({
          ...message,
          ...draft,
          outcome,
          ...(error === undefined ? {} : { error }),
        })
      },
      ended: () => this.#changes.publish('conversations', conversationId),
    }
    const run = this.#runs.start(spec)
    this.#changes.publish('conversations', conversationId)
    return run
  }

  /** Rebuilds the message of a run that a former process left unfinished from the run's log. */
  recover(run: RunSummary): void {
    const { conversations, artifacts } = this.#deps
    const message = run.messageId ? conversations.message(run.subject, run.messageId) : undefined
    if (!message) return
    const finished: Message = { ...message, text: '', outcome: 'interrupted' }
    const citations: Citation[] = []
    for (const { body } of this.#runs.events(run.id, -1, Number.MAX_SAFE_INTEGER)) {
      if (body.type === 'text-delta') finished.text += body.text
      else if (body.type === 'citation') citations.push(body.citation)
      else if (body.type === 'usage') finished.usage = body.usage
      else if (body.type === 'placement-chosen') {
        const { place = 'companion', device, engine, reason } = body
        finished.modelId = body.modelId
        finished.placement = { place, device, engine, reason }
      }
    }
    conversations.finish({ ...finished, citations })
    const extractor = new ArtifactExtractor()
    extractor.push(finished.text)
    for (const open of extractor.end())
      if (!open.complete)
        artifacts.add(open, {
          conversationId: run.subject,
          messageId: message.id,
          language: languageOf(finished.text),
        })
  }

  /**
   * Writes the user message, where one comes with the request, and the row of the answer to come; in the transaction
   * that starts the run. @throws SiloError conversation_unknown, message_unknown, bad_request, conflict
   */
  prepare(request: Omit<StartChat, 'kind' | 'modelId' | 'reason'>, space: string): void {
    const { conversations } = this.#deps
    const { conversationId, userMessage, assistantMessageId } = request
    conversations.get(conversationId, space)
    const now = Date.now()
    if (userMessage) {
      if (userMessage.id !== request.parentId)
        throw new SiloError('bad_request', {
          params: { detail: 'parentId: expected the id of userMessage' },
          field: 'parentId',
        })
      if (
        userMessage.parentId !== null &&
        conversations.message(conversationId, userMessage.parentId)?.role !== 'assistant'
      )
        throw new SiloError('message_unknown', { field: 'userMessage.parentId' })
      this.#addUserMessage(conversationId, userMessage, now)
    } else if (conversations.message(conversationId, request.parentId)?.role !== 'user') {
      throw new SiloError('message_unknown', { field: 'parentId' })
    }
    if (conversations.hasMessage(assistantMessageId))
      throw new SiloError('conflict', {
        params: { detail: 'assistantMessageId' },
        field: 'assistantMessageId',
      })
    conversations.insert({
      id: assistantMessageId,
      conversationId,
      parentId: request.parentId,
      role: 'assistant',
      text: '',
      createdAt: now,
      runId: request.id,
    })
  }

  /** A message that was already sent (its run was refused, or is answered anew under a new run) is left as it is. */
  #addUserMessage(
    conversationId: string,
    wanted: NonNullable<StartChat['userMessage']>,
    createdAt: number,
  ): void {
    const { conversations } = this.#deps
    const known = conversations.message(conversationId, wanted.id)
    if (known && known.text === wanted.text && known.parentId === wanted.parentId) return
    if (known || conversations.hasMessage(wanted.id))
      throw new SiloError('conflict', {
        params: { detail: 'userMessage.id' },
        field: 'userMessage.id',
      })
    conversations.insert({ ...wanted, conversationId, role: 'user', createdAt })
  }
}
