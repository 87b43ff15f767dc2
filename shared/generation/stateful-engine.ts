import type { EngineState } from '#shared/contracts/engine.ts'

/** What the state of an engine is while several models in it have their own: what asks for patience comes first. */
const order: readonly EngineState[] = ['restarting', 'loading', 'failed', 'ready']

/** The state of an engine with any number of models in it, and who listens for it. */
export abstract class StatefulEngine {
  readonly specVersion = 1
  readonly #models = new Map<string, EngineState>()
  readonly #listeners = new Set<(state: EngineState) => void>()
  #state: EngineState = 'idle'
  #failed = false

  get state(): EngineState {
    return this.#state
  }

  onStateChange(listener: (state: EngineState) => void): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  /** A model begins to be loaded, by whatever key; a failure before it is forgotten. */
  protected begin(key: string): void {
    this.#failed = false
    this.#models.set(key, 'loading')
    this.#update()
  }

  /** A model that is there has another state. */
  protected move(key: string, state: EngineState): void {
    if (!this.#models.has(key)) return
    this.#models.set(key, state)
    this.#update()
  }

  /** A model is not there any more; `failed`: it could not be loaded. */
  protected leave(key: string, failed = false): void {
    this.#models.delete(key)
    this.#failed = failed
    this.#update()
  }

  #update(): void {
    const states = new Set(this.#models.values())
    const next = order.find((state) => states.has(state)) ?? (this.#failed ? 'failed' : 'idle')
    if (next === this.#state) return
    this.#state = next
    for (const listener of this.#listeners) listener(next)
  }
}
