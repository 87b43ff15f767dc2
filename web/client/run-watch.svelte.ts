import { SvelteMap } from 'svelte/reactivity'
import { emptyRunView, foldRunEvent, type RunView } from '#shared/protocol/run-view.ts'
import { followRun } from './stream.ts'

/**
 * Follows runs for a page and keeps what a progress display shows of each. A run that ended stays
 * readable until `forget`, so that its failures can still be shown.
 */
export class RunWatch {
  readonly #views = new SvelteMap<string, RunView>()
  readonly #stops = new Map<string, () => void>()

  /** Begins to follow a run from its first event; a run already followed is left alone. */
  follow(runId: string, onEnd?: (view: RunView) => void): void {
    if (this.#views.has(runId)) return
    let view = emptyRunView(runId)
    this.#views.set(runId, view)
    const stop = followRun(runId, {
      after: -1,
      onEvent: (event) => {
        view = foldRunEvent(view, event)
        this.#views.set(runId, view)
      },
      onEnd: () => {
        this.#stops.delete(runId)
        onEnd?.(view)
      },
    })
    this.#stops.set(runId, stop)
  }

  view(runId: string | undefined): RunView | undefined {
    return runId === undefined ? undefined : this.#views.get(runId)
  }

  /** Stops following a run and drops what was known of it. The run itself goes on. */
  forget(runId: string): void {
    this.#stops.get(runId)?.()
    this.#stops.delete(runId)
    this.#views.delete(runId)
  }

  dispose(): void {
    for (const stop of this.#stops.values()) stop()
    this.#stops.clear()
  }
}
