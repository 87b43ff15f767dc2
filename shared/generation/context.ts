import type { ChatMessage, LoadedModel, Prompt } from '#shared/contracts/engine.ts'
import type { Message } from '#shared/domain/conversation.ts'
import type { SearchHit } from '#shared/domain/vault.ts'
import { SiloError, type Language } from '#shared/errors/silo-error.ts'
import { userTurn } from './prompt-text.ts'

/** What the prompt of an answer was, kept so that later turns repeat it to the letter (the cached prefix). */
export interface SentPrompt {
  /** The user turn as it was sent, passages included; absent where it is the message's text. */
  readonly userText?: string
  /** The first message of the branch that was in the context, where older ones were dropped. */
  readonly from?: string
}

/** Share of the context that passages may take, and that is filled when old turns had to go. */
const passageShare = 0.6
const refillShare = 0.75
const answerTokensWanted = 1024

export interface ContextRequest {
  /** From the root to the user message to answer. */
  readonly branch: readonly Message[]
  /** How the contexts of earlier answers were made, by assistant message id. */
  readonly sent: ReadonlyMap<string, SentPrompt>
  readonly systemPrompt: string
  readonly language: Language
  /** Best first. */
  readonly hits: readonly SearchHit[]
  readonly loaded: Pick<LoadedModel, 'contextTokens' | 'countTokens'>
}

export interface BuiltContext {
  readonly prompt: Prompt
  readonly usedTokens: number
  readonly limitTokens: number
  readonly answerTokens: number
  readonly droppedMessageIds: readonly string[]
  /** Those that are in the prompt, in the order of their markers. */
  readonly passages: readonly SearchHit[]
  readonly droppedPassages: number
  readonly sent: SentPrompt
}

/**
 * Fills the context: system prompt, then as much of the branch as fits, then the question with its
 * passages. Earlier turns are repeated exactly as they were sent, so that the engine's cached prefix holds;
 * once old turns must go, more go than needed, so that the next turns need not drop again.
 * @throws SiloError context_overflow if the question alone does not fit
 */
export async function buildContext(
  request: ContextRequest,
  signal: AbortSignal,
): Promise<BuiltContext> {
  const { branch, loaded, language } = request
  const question = branch.at(-1)
  if (!question) throw new SiloError('message_unknown')
  const limit = loaded.contextTokens
  const answerTokens = Math.min(answerTokensWanted, Math.floor(limit / 4))
  const budget = limit - answerTokens
  const count = (prompt: Prompt): Promise<number> => loaded.countTokens(prompt, signal)
  const promptFrom = (start: number, hits: readonly SearchHit[]): Prompt =>
    chatPrompt(
      request.systemPrompt,
      turnsOf(request, start),
      userTurn(question.text, hits, language),
    )

  const last = branch.length - 1
  const alone = await count(promptFrom(last, []))
  if (alone > budget)
    throw new SiloError('context_overflow', { params: { needed: alone + answerTokens, limit } })

  let passages = request.hits
  for (; passages.length > 0; passages = passages.slice(0, -1)) {
    const needed = await count(promptFrom(last, passages))
    if (needed <= budget && needed - alone <= budget * passageShare) break
  }

  const fits = async (start: number, room: number): Promise<number | undefined> => {
    const used = await count(promptFrom(start, passages))
    return used <= room ? used : undefined
  }
  let start = 0
  let used = await fits(0, budget)
  if (used === undefined) {
    start = earlierStart(request)
    used = start > 0 ? await fits(start, budget) : undefined
  }
  if (used === undefined) {
    // The first user message from which everything fits, found by halving; the question itself always does.
    const starts = branch.flatMap((message, index) => (message.role === 'user' && index > start ? [index] : [])) // prettier-ignore
    let low = 0
    let high = starts.length - 1
    while (low < high) {
      const middle = (low + high) >> 1
      if ((await fits(starts[middle]!, budget * refillShare)) === undefined) low = middle + 1
      else high = middle
    }
    start = starts[low] ?? last
    used = await count(promptFrom(start, passages))
  }

  const from = branch[start]
  return {
    prompt: promptFrom(start, passages),
    usedTokens: used,
    limitTokens: limit,
    answerTokens,
    droppedMessageIds: branch.slice(0, start).map((message) => message.id),
    passages,
    droppedPassages: request.hits.length - passages.length,
    sent: {
      ...(passages.length > 0 ? { userText: userTurn(question.text, passages, language) } : {}),
      ...(start > 0 && from ? { from: from.id } : {}),
    },
  }
}

/** Where the last answer of the branch began its context, if it dropped something. */
function earlierStart({ branch, sent }: ContextRequest): number {
  for (const message of branch.toReversed()) {
    const from = sent.get(message.id)?.from
    if (from !== undefined)
      return Math.max(
        0,
        branch.findIndex((message) => message.id === from),
      )
  }
  return 0
}

/** The turns from `start` to before the question, as they were sent. */
function turnsOf({ branch, sent }: ContextRequest, start: number): ChatMessage[] {
  return branch.slice(start, -1).map((message, index) => {
    const answer = branch[start + index + 1]
    const sentText = message.role === 'user' && answer ? sent.get(answer.id)?.userText : undefined
    return { role: message.role, content: sentText ?? message.text }
  })
}

/** Templates want turns that alternate: an answer that failed before its first word leaves a gap to close. */
function chatPrompt(system: string, turns: readonly ChatMessage[], question: string): Prompt {
  const messages: ChatMessage[] = system ? [{ role: 'system', content: system }] : []
  for (const turn of [...turns, { role: 'user' as const, content: question }]) {
    if (turn.content === '') continue
    const before = messages.at(-1)
    if (before && before.role === turn.role)
      messages[messages.length - 1] = { role: turn.role, content: `${before.content}\n\n${turn.content}` } // prettier-ignore
    else messages.push(turn)
  }
  return { kind: 'chat', messages }
}
