import type { Message } from '#shared/domain/conversation.ts'
import { guessTokens } from '#shared/generation/token-guess.ts'
import { guessAnswerTokens } from '#shared/router/answer-size.ts'
import { choosePlacement } from '#shared/router/choose.ts'
import type {
  CompanionAbility,
  PageAbility,
  Placement,
  PlacementTask,
} from '#shared/router/placement.ts'
import { companion } from './companion.svelte.ts'
import { pageModels } from './page-engine.svelte.ts'
import { connection } from './stream.svelte.ts'

/** What a person may pin a conversation to. */
export type Pin = 'page' | 'companion'

export interface Question {
  readonly text: string
  /** What was said before it on the branch. */
  readonly branch: readonly Message[]
  readonly collectionIds: readonly string[]
  readonly pin: Pin | undefined
}

/** A page that has just been opened waits this long for its companion before it does without, ms. */
const connectMs = 4000
/** Prompt of the system and the marks around each turn, tokens. */
const promptOverhead = 80
/** The context the companion is taken to have until its settings are known, tokens. */
const defaultContext = 8192

/** Where a question is answered, and why. Loads what is needed to know, and no more. */
export async function placeQuestion(question: Question): Promise<Placement> {
  await connected()
  const task = taskOf(question)
  const there = companionAbility()
  // On the companion's own machine its model is the better one: the page need not even look at itself.
  const local = there?.connected && there.model && there.road === 'loopback'
  if (local && question.pin === undefined) return { place: 'companion', reason: 'default-model' }
  if (question.pin === 'companion') return choosePlacement(task, {}, there)
  const [vault] = await Promise.all([
    copiesHold(question.collectionIds),
    pageModels.start().catch(() => {}),
  ])
  return choosePlacement(task, { ...pageAbility(), vault }, there)
}

/** The companion as far as this page knows it; undefined where there is none. */
export function companionAbility(): CompanionAbility | undefined {
  if (connection.state === 'page-only') return undefined
  const { road } = connection
  const id = companion.defaultModelId
  // Until its models were read it is taken at its word that it has one.
  const known = companion.models.value !== undefined
  const contextTokens = companion.settings.value?.contextTokens ?? defaultContext
  return {
    connected: connection.state === 'online' && !connection.signedOut,
    ...(road ? { road } : {}),
    ...(id !== undefined || !known ? { model: { id: id ?? '', contextTokens } } : {}),
    queued: companion.status.value?.activeRuns.length ?? 0,
  }
}

/** What the page itself can do, with the strength of its model. */
export function pageAbility(): PageAbility {
  const { model, ...rest } = pageModels.ability
  if (!model) return rest
  const known = pageModels.models.find((state) => state.model.id === model.id)
  return { ...rest, model: { ...model, ...(known ? { parameters: known.model.parameters } : {}) } }
}

/** Whether each of these collections has a copy on this device that may be used. */
async function copiesHold(collectionIds: readonly string[]): Promise<boolean> {
  if (collectionIds.length === 0) return false
  const { usableCopies } = await import('#web/replica/vault/copies.ts')
  const here = new Set(await usableCopies())
  return collectionIds.every((id) => here.has(id))
}

function taskOf({ text, branch, collectionIds, pin }: Question): PlacementTask {
  const before = branch.reduce((sum, message) => sum + guessTokens(message.text), 0)
  return {
    kind: 'chat',
    promptTokens: promptOverhead + before + guessTokens(text),
    answerTokens: guessAnswerTokens(text),
    needsVault: collectionIds.length > 0,
    ...(pin ? { pinned: pin } : {}),
  }
}

/** Waits while the first connection is being made. */
async function connected(): Promise<void> {
  const until = Date.now() + connectMs
  while (connection.state === 'connecting' && Date.now() < until)
    await new Promise((resolve) => setTimeout(resolve, 50))
}
