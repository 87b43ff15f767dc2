import type { Intent, IntentKind } from '#shared/domain/agent-task.ts'
import { intentOf } from '#web/client/agent/requests.ts'

/** The text rests for this long before it is asked about, ms. */
const restMs = 350
/** A message that is sent waits no longer than this to learn where it goes, ms; then it is chat. */
const patienceMs = 6000

/** Where a text goes that was sent before anything else could be asked; undefined leaves it a chat. */
export async function quickIntent(
  text: string,
  collectionIds: readonly string[],
): Promise<Intent | undefined> {
  return intentOf(text, collectionIds, AbortSignal.timeout(patienceMs)).catch(() => undefined)
}

/** Where the text in the composer would go: asked of the companion while it is written, or chosen by the person. */
export class IntentChoice {
  #chosen = $state.raw<Intent>()
  #guess = $state.raw<{ text: string; intent: Intent }>()
  #text = $state('')
  #collections: readonly string[] = []
  #timer: ReturnType<typeof setTimeout> | undefined
  #asking: { text: string; abort: AbortController; done: Promise<Intent | undefined> } | undefined

  /** What is shown: an older guess stays while a newer one is on its way. */
  readonly now = $derived(
    this.#chosen ?? (this.#text.trim() === '' ? undefined : this.#guess?.intent),
  )

  /** The text in the composer changed. */
  write(text: string, collectionIds: readonly string[]): void {
    this.#text = text
    this.#collections = collectionIds
    clearTimeout(this.#timer)
    if (text.trim() === '') {
      this.#asking?.abort.abort()
      this.#asking = undefined
      this.#guess = undefined
      this.#chosen = undefined
    } else if (!this.#chosen) this.#timer = setTimeout(() => void this.#ask(text), restMs)
  }

  choose(kind: IntentKind, skill?: string): void {
    clearTimeout(this.#timer)
    const guess = this.#guess?.intent
    const input = kind === 'skill' && guess?.skill === skill ? guess?.input : undefined
    this.#chosen = {
      kind,
      ...(skill === undefined ? {} : { skill }),
      ...(input ? { input } : {}),
      reason: 'chosen',
      confidence: 1,
    }
  }

  /** Where the message that is being sent goes; undefined leaves it a chat. What was chosen holds for one message. */
  async decide(): Promise<Intent | undefined> {
    const text = this.#text
    const chosen = this.#chosen
    clearTimeout(this.#timer)
    this.#chosen = undefined
    if (chosen) return chosen
    if (text.trim() === '') return undefined
    if (this.#guess?.text === text) return this.#guess.intent
    const late = new Promise<undefined>((resolve) => setTimeout(resolve, patienceMs))
    return Promise.race([this.#ask(text, true), late])
  }

  dispose(): void {
    clearTimeout(this.#timer)
    this.#asking?.abort.abort()
  }

  /** `lasting`: the answer is wanted even after the text was sent and is gone. */
  #ask(text: string, lasting = false): Promise<Intent | undefined> {
    if (this.#asking?.text === text) {
      const { done } = this.#asking
      if (lasting) this.#asking = undefined
      return done
    }
    this.#asking?.abort.abort()
    const abort = new AbortController()
    const done = intentOf(text, this.#collections, abort.signal).then(
      (intent) => {
        if (!abort.signal.aborted && this.#text === text) this.#guess = { text, intent }
        return intent
      },
      // A companion that cannot say leaves it a chat.
      () => undefined,
    )
    if (!lasting) this.#asking = { text, abort, done }
    return done
  }
}
