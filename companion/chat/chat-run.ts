import type { Log } from '#companion/observe/log.ts'
import type { RunContext, RunResult } from '#companion/runs/run.ts'
import { branchOf, type AnswerPlace, type Citation, type Conversation, type Message, type Usage } from '#shared/domain/conversation.ts' // prettier-ignore
import type { Settings } from '#shared/domain/settings.ts'
import { citationOf } from '#shared/domain/citation-of.ts'
import { SiloError, type Language } from '#shared/errors/silo-error.ts'
import { CitationTracker } from '#shared/generation/citation-tracker.ts'
import { buildContext, type BuiltContext } from '#shared/generation/context.ts'
import { DeltaBatcher } from '#shared/generation/delta-batcher.ts'
import { languageOf } from '#shared/generation/language.ts'
import { notFoundText } from '#shared/generation/not-found-text.ts'
import { defaultSystemPrompt } from '#shared/generation/prompt-text.ts'
import { RepetitionWatch } from '#shared/generation/repetition.ts'
import type { PlacementReason } from '#shared/router/placement.ts'
import { ArtifactExtractor, type ExtractedArtifact } from './artifact-extractor.ts'
import type { ArtifactStore } from './artifact-store.ts'
import type { ConversationStore } from './conversation-store.ts'
import { ground, type Grounding } from './grounding.ts'
import type { ChatModelLease, ModelPort, VaultPort } from './ports.ts'

/** Of the context, for passages with the sections around them; less than what passages may take at most. */
const sectionShare = 0.4
/** An answer from documents is not the place for invention. */
const groundedTemperature = 0.2
/** An answer longer than this has lost its way. */
const maxAnswerTokens = 4096

export interface ChatDeps {
  readonly conversations: ConversationStore
  readonly artifacts: ArtifactStore
  readonly models: ModelPort
  readonly vault: VaultPort
  readonly settings: () => Settings
  readonly log: Log
}

export interface ChatTurn {
  readonly conversation: Conversation
  /** Who asks, as permissions name it: `self` for the owners, else a device. */
  readonly caller: string
  /** The user message to answer. */
  readonly parentId: string
  readonly assistantMessageId: string
  /** Asked for with this turn. */
  readonly modelId: string | undefined
  /** Why the client chose this companion, where it had a choice. */
  readonly reason: PlacementReason | undefined
}

/** What an answer has become so far; written to its message when the run ends, however it ends. */
export interface AnswerDraft {
  text: string
  citations: Citation[]
  modelId?: string
  usage?: Usage
  placement?: AnswerPlace
}

/** Answers one user message: passages, context, generation, citations, artifacts. */
export async function answer(
  run: RunContext,
  turn: ChatTurn,
  draft: AnswerDraft,
  deps: ChatDeps,
): Promise<RunResult> {
  const messages = deps.conversations.messages(turn.conversation.id)
  const branch = branchOf(messages, turn.parentId)
  const question = branch.at(-1)
  if (!question || question.role !== 'user') throw new SiloError('message_unknown')

  const { collectionIds } = turn.conversation
  if (collectionIds.length > 0) run.emit({ type: 'progress', stage: 'searching', done: 0, unit: 'steps' }) // prettier-ignore
  const grounding = await ground(branch, collectionIds, turn.caller, deps.vault, run.signal)
  if (grounding.missing) return sayMissing(run, draft, grounding, languageOf(question.text))

  const settings = deps.settings()
  const lease = await acquire(run, turn, settings, deps)
  try {
    draft.modelId = lease.modelId
    draft.placement = placementOf(turn, lease)
    run.emit({ type: 'placement-chosen', ...draft.placement, modelId: lease.modelId })
    const language = languageOf(question.text)
    const room = Math.floor(lease.loaded.contextTokens * sectionShare)
    const hits = (await deps.vault.widen?.(grounding.hits, room, run.signal)) ?? grounding.hits
    const context = await buildContext(
      {
        branch,
        sent: deps.conversations.sentPrompts(turn.conversation.id),
        systemPrompt:
          settings.systemPrompt ||
          defaultSystemPrompt(languageOf(branch[0]?.text ?? ''), collectionIds.length > 0),
        language,
        hits,
        loaded: lease.loaded,
      },
      run.signal,
    )
    deps.conversations.keepSentPrompt(turn.assistantMessageId, context.sent)
    run.emit({
      type: 'context-built',
      usedTokens: context.usedTokens,
      limitTokens: context.limitTokens,
      answerTokens: context.answerTokens,
      droppedMessageIds: [...context.droppedMessageIds],
      passages: context.passages.length,
      droppedPassages: context.droppedPassages,
      ...(grounding.unreachable.length > 0 ? { unreachable: [...grounding.unreachable] } : {}),
    })
    return await generate(run, turn, draft, { context, lease, question, settings }, deps)
  } finally {
    lease.release()
  }
}

/** No model is asked: where nothing is held, even a good one is tempted to guess. */
function sayMissing(
  run: RunContext,
  draft: AnswerDraft,
  { hits, unreachable }: Grounding,
  language: Language,
): RunResult {
  draft.text = notFoundText(hits, unreachable, language)
  run.emit({ type: 'text-delta', text: draft.text })
  for (const [index, hit] of hits.entries()) {
    const citation = citationOf(hit, index + 1)
    draft.citations.push(citation)
    run.emit({ type: 'citation', citation })
  }
  return { stopReason: 'stop' }
}

async function acquire(
  run: RunContext,
  turn: ChatTurn,
  settings: Settings,
  deps: ChatDeps,
): Promise<ChatModelLease> {
  const chosen = turn.modelId ?? turn.conversation.modelId
  let shown = -1
  return deps.models.acquireChat(chosen ?? settings.chatModelId, {
    signal: run.signal,
    onProgress(fraction) {
      const percent = Math.floor(fraction * 20) * 5
      if (percent <= shown) return
      shown = percent
      run.emit({ type: 'progress', stage: 'loading-model', done: percent, total: 100, unit: 'steps' }) // prettier-ignore
    },
  })
}

function placementOf(turn: ChatTurn, lease: ChatModelLease): AnswerPlace {
  const chosen = turn.modelId ?? turn.conversation.modelId
  return {
    place: 'companion',
    device: lease.deviceName,
    engine: lease.engineId,
    reason: turn.reason ?? (chosen === undefined ? 'default-model' : 'user-choice'),
  }
}

async function generate(
  run: RunContext,
  turn: ChatTurn,
  draft: AnswerDraft,
  given: {
    context: BuiltContext
    lease: ChatModelLease
    question: Message
    settings: Settings
  },
  deps: ChatDeps,
): Promise<RunResult> {
  const { context, lease, question, settings } = given
  const citations = new CitationTracker(context.passages)
  const extractor = new ArtifactExtractor()
  const place = {
    conversationId: turn.conversation.id,
    messageId: turn.assistantMessageId,
    language: languageOf(question.text),
  }
  const cite = (found: readonly Citation[]): void => {
    for (const citation of found) {
      draft.citations.push(citation)
      run.emit({ type: 'citation', citation })
    }
  }
  const batcher = new DeltaBatcher((text) => {
    draft.text += text
    run.emit({ type: 'text-delta', text })
    cite(citations.push(text))
  })
  const keep = (found: readonly ExtractedArtifact[]): void => {
    for (const extracted of found) {
      batcher.flush()
      run.emit({ type: 'artifact-created', artifact: deps.artifacts.add(extracted, place) })
    }
  }

  const repetition = new RepetitionWatch()
  const repeating = new AbortController()
  const started = performance.now()
  let firstTokenAt: number | undefined
  let waited = false
  try {
    const events = lease.loaded.generate(
      {
        prompt: context.prompt,
        session: turn.conversation.id,
        user: turn.caller,
        temperature:
          context.passages.length > 0
            ? Math.min(settings.temperature, groundedTemperature)
            : settings.temperature,
        maxTokens: Math.max(
          context.answerTokens,
          Math.min(maxAnswerTokens, context.limitTokens - context.usedTokens),
        ),
      },
      AbortSignal.any([run.signal, repeating.signal]),
    )
    for await (const event of events) {
      if (event.type === 'waiting') {
        waited = true
        run.emit({
          type: 'progress',
          stage: 'queued',
          done: 0,
          total: event.ahead + 1,
          unit: 'steps',
        })
      } else if (event.type === 'prompt' && waited)
        run.emit({ type: 'progress', stage: 'computing', done: 0, unit: 'steps' })
      else if (event.type === 'text') {
        firstTokenAt ??= performance.now()
        batcher.push(event.text)
        keep(extractor.push(event.text))
        if (repetition.push(event.text)) repeating.abort()
      } else if (event.type === 'end') {
        batcher.flush()
        draft.usage = {
          promptTokens: event.promptTokens,
          cachedTokens: event.cachedTokens,
          completionTokens: event.completionTokens,
          firstTokenMs: Math.round((firstTokenAt ?? performance.now()) - started),
          decodeMs: Math.round(event.decodeMs),
        }
        run.emit({ type: 'usage', usage: draft.usage })
        if (event.reason === 'abort') run.signal.throwIfAborted()
        keep(extractor.end())
        if (draft.text !== '') cite(citations.end(draft.text, question.text))
        if (repeating.signal.aborted) return { stopReason: 'repetition' }
        return { stopReason: event.reason === 'length' ? 'length' : 'stop' }
      }
    }
    run.signal.throwIfAborted()
    throw new SiloError('engine_crashed')
  } catch (error) {
    // What was said before the failure is kept, and so is a half-finished artifact.
    batcher.flush()
    keep(extractor.end())
    throw error
  } finally {
    batcher.stop()
  }
}
