import { citationOf } from '#shared/domain/citation-of.ts'
import { branchOf, type Citation, type Message } from '#shared/domain/conversation.ts'
import { SiloError } from '#shared/errors/silo-error.ts'
import { CitationTracker } from '#shared/generation/citation-tracker.ts'
import { buildContext, type BuiltContext, type SentPrompt } from '#shared/generation/context.ts'
import { DeltaBatcher } from '#shared/generation/delta-batcher.ts'
import { languageOf } from '#shared/generation/language.ts'
import { notFoundText } from '#shared/generation/not-found-text.ts'
import { defaultSystemPrompt } from '#shared/generation/prompt-text.ts'
import { RepetitionWatch } from '#shared/generation/repetition.ts'
import type { RunEventBody, StopReason } from '#shared/protocol/run-event.ts'
import type { PlacementReason } from '#shared/router/placement.ts'
import { conversationQuery } from '#shared/vault/conversation-query.ts'
import { passageList } from './passage-answer.ts'
import type { PageFound, PageModelLease, PageModels, PageRetrieval } from './ports.ts'

/** An answer longer than this has lost its way, the more so of a small model. */
const maxAnswerTokens = 2048
const temperature = 0.4
/** An answer from documents is not the place for invention. */
const groundedTemperature = 0.2
/** What documents say takes few words; a small model that goes on only repeats itself, and slowly. */
const groundedAnswerTokens = 512
const passageCount = 4
/** Passages named where none answers. */
const nearestCount = 3
/** Without these the page has no model that could answer; then it shows what it found. */
const noModel = new Set(['page_engine_unavailable', 'model_not_installed'])

export interface PageTurn {
  readonly messages: readonly Message[]
  /** Where the contexts of earlier answers began, by assistant message id. */
  readonly sent: ReadonlyMap<string, SentPrompt>
  /** The user message to answer. */
  readonly parentId: string
  readonly modelId: string | undefined
  readonly collectionIds: readonly string[]
  readonly reason: PlacementReason
}

export interface PageAnswerDeps {
  readonly models: PageModels
  readonly retrieve?: PageRetrieval | undefined
  readonly deviceName: string
}

/** What an answer has become so far; written to its message when the run ends, however it ends. */
export interface PageDraft extends Pick<
  Message,
  'text' | 'modelId' | 'usage' | 'placement' | 'citations'
> {
  // prettier-ignore
  sentFrom?: string
}

type Emit = (body: Exclude<RunEventBody, { type: 'run-started' | 'run-ended' }>) => void

/** Answers one user message with the model of this page. */
export async function answerInPage(
  turn: PageTurn,
  draft: PageDraft,
  emit: Emit,
  signal: AbortSignal,
  deps: PageAnswerDeps,
): Promise<{ stopReason: StopReason }> {
  const branch = branchOf(turn.messages, turn.parentId)
  const question = branch.at(-1)
  if (question?.role !== 'user') throw new SiloError('message_unknown')
  const { collectionIds } = turn
  let found: PageFound | undefined
  const users = branch.filter(({ role }) => role === 'user')
  const query = conversationQuery(question.text, users.at(-2)?.text)
  if (deps.retrieve && collectionIds.length > 0 && query !== undefined) {
    emit({ type: 'progress', stage: 'searching', done: 0, unit: 'steps' })
    const request = { query: query.slice(0, 2000), collectionIds, limit: passageCount }
    found = await deps.retrieve(request, signal)
    if (found?.missing) return sayMissing(turn, question, found, draft, emit, deps)
  }
  const lease = await acquire(turn, emit, signal, deps.models).catch((error: unknown) => {
    if (found && error instanceof SiloError && noModel.has(error.code)) return undefined
    throw error
  })
  if (!lease) return showPassages(turn, question, found ?? { hits: [] }, draft, emit, deps)
  try {
    draft.modelId = lease.modelId
    draft.placement = {
      place: 'page',
      device: deps.deviceName,
      engine: lease.engineId,
      reason: turn.reason,
    }
    emit({ type: 'placement-chosen', ...draft.placement, modelId: lease.modelId })
    const context = await buildContext(
      {
        branch,
        sent: turn.sent,
        systemPrompt: defaultSystemPrompt(languageOf(branch[0]?.text ?? ''), found !== undefined),
        language: languageOf(question.text),
        hits: found?.hits ?? [],
        loaded: lease.loaded,
      },
      signal,
    )
    if (context.sent.from !== undefined) draft.sentFrom = context.sent.from
    emit({
      type: 'context-built',
      usedTokens: context.usedTokens,
      limitTokens: context.limitTokens,
      answerTokens: context.answerTokens,
      droppedMessageIds: [...context.droppedMessageIds],
      passages: context.passages.length,
      droppedPassages: context.droppedPassages,
      ...(found?.wordsOnly === undefined ? {} : { wordsOnly: true }),
    })
    return await generate(lease, context, question.text, draft, emit, signal)
  } finally {
    await lease.release()
  }
}

/** No model is asked: where nothing is held, a small one is tempted to guess. */
function sayMissing(
  turn: PageTurn,
  question: Message,
  { hits }: PageFound,
  draft: PageDraft,
  emit: Emit,
  deps: PageAnswerDeps,
): { stopReason: 'stop' } {
  const nearest = hits.slice(0, nearestCount)
  const text = notFoundText(nearest, [], languageOf(question.text))
  const citations = nearest.map((hit, index) => citationOf(hit, index + 1))
  return sayWithoutModel(turn, text, citations, draft, emit, deps)
}

/** No model of this page can answer: the passages themselves are the answer. */
function showPassages(
  turn: PageTurn,
  question: Message,
  { hits, wordsOnly }: PageFound,
  draft: PageDraft,
  emit: Emit,
  deps: PageAnswerDeps,
): { stopReason: 'stop' } {
  const language = languageOf(question.text)
  const { text, citations } = passageList(hits, language, wordsOnly !== undefined)
  return sayWithoutModel(turn, text, citations, draft, emit, deps)
}

function sayWithoutModel(
  { reason }: PageTurn,
  text: string,
  citations: readonly Citation[],
  draft: PageDraft,
  emit: Emit,
  deps: PageAnswerDeps,
): { stopReason: 'stop' } {
  draft.placement = { place: 'retrieval', device: deps.deviceName, engine: '', reason }
  emit({ type: 'placement-chosen', ...draft.placement, modelId: '' })
  draft.text = text
  emit({ type: 'text-delta', text })
  cite(citations, draft, emit)
  return { stopReason: 'stop' }
}

function cite(found: readonly Citation[], draft: PageDraft, emit: Emit): void {
  for (const citation of found) {
    draft.citations = [...(draft.citations ?? []), citation]
    emit({ type: 'citation', citation })
  }
}

async function acquire(
  turn: PageTurn,
  emit: Emit,
  signal: AbortSignal,
  models: PageModels,
): Promise<PageModelLease> {
  let shown = -1
  return models.acquire(turn.modelId, {
    signal,
    onWaiting: () => emit({ type: 'progress', stage: 'queued', done: 0, unit: 'steps' }),
    onProgress(fraction) {
      const percent = Math.floor(fraction * 20) * 5
      if (percent <= shown) return
      shown = percent
      emit({ type: 'progress', stage: 'loading-model', done: percent, total: 100, unit: 'steps' })
    },
  })
}

async function generate(
  lease: PageModelLease,
  context: BuiltContext,
  question: string,
  draft: PageDraft,
  emit: Emit,
  signal: AbortSignal,
): Promise<{ stopReason: StopReason }> {
  const citations = new CitationTracker(context.passages)
  const batcher = new DeltaBatcher((text) => {
    draft.text += text
    emit({ type: 'text-delta', text })
    cite(citations.push(text), draft, emit)
  })
  const repetition = new RepetitionWatch()
  const repeating = new AbortController()
  const started = performance.now()
  let firstTokenAt: number | undefined
  try {
    const room = Math.min(maxAnswerTokens, context.limitTokens - context.usedTokens)
    const events = lease.loaded.generate(
      {
        prompt: context.prompt,
        temperature: context.passages.length > 0 ? groundedTemperature : temperature,
        maxTokens:
          context.passages.length > 0
            ? Math.min(groundedAnswerTokens, room)
            : Math.max(context.answerTokens, room),
      },
      AbortSignal.any([signal, repeating.signal]),
    )
    for await (const event of events) {
      if (event.type === 'text') {
        firstTokenAt ??= performance.now()
        batcher.push(event.text)
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
        emit({ type: 'usage', usage: draft.usage })
        if (event.reason === 'abort') signal.throwIfAborted()
        if (draft.text !== '') cite(citations.end(draft.text, question), draft, emit)
        if (repeating.signal.aborted) return { stopReason: 'repetition' }
        return { stopReason: event.reason === 'length' ? 'length' : 'stop' }
      }
    }
    signal.throwIfAborted()
    throw new SiloError('engine_crashed')
  } catch (error) {
    // What was said before the failure is kept.
    batcher.flush()
    throw error
  } finally {
    batcher.stop()
  }
}
