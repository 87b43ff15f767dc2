import type { Change } from '#shared/protocol/stream.ts'

/** Says which records changed, to whoever shows them. Nothing is kept: a listener that comes later reads anew. */
export class ChangeFeed {
  readonly #listeners = new Set<(change: Change) => void>()

  publish(topic: Change['topic'], id?: string): void {
    const change: Change = id === undefined ? { topic } : { topic, id }
    for (const listener of this.#listeners) listener(change)
  }

  /** Returns the way to stop listening. */
  subscribe(listener: (change: Change) => void): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }
}
