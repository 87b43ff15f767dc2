import type { PlanStep } from '#shared/domain/agent-task.ts'

/** The plan a task shows. Each change is emitted as the whole plan. */
export class PlanView {
  #steps: PlanStep[]
  readonly #emit: (steps: PlanStep[]) => void

  constructor(before: readonly PlanStep[], emit: (steps: PlanStep[]) => void) {
    // What was under way when the process died is under way no more.
    this.#steps = before.map((step) => (step.state === 'running' ? { ...step, state: 'waiting' } : step)) // prettier-ignore
    this.#emit = emit
  }

  has(id: string): boolean {
    return this.#steps.some((step) => step.id === id)
  }

  set(wanted: readonly { readonly id: string; readonly title: string }[]): void {
    const next = this.#steps.map((step) => {
      const title = wanted.find(({ id }) => id === step.id)?.title
      return title === undefined ? step : { ...step, title }
    })
    for (const { id, title } of wanted)
      if (!next.some((step) => step.id === id)) next.push({ id, title, state: 'waiting' })
    this.#update(next)
  }

  mark(id: string, state: PlanStep['state'], note?: string): void {
    if (!this.has(id)) return
    this.#update(
      this.#steps.map((step) =>
        step.id === id ? { ...step, state, ...(note === undefined ? {} : { note }) } : step,
      ),
    )
  }

  /** The task is over: what was under way did not come to its end, what was not begun is not done. */
  end(isDone: boolean): void {
    this.#update(
      this.#steps.map((step) => {
        if (step.state === 'running') return { ...step, state: isDone ? 'done' : 'failed' }
        return step.state === 'waiting' ? { ...step, state: 'skipped' } : step
      }),
    )
  }

  #update(next: PlanStep[]): void {
    if (JSON.stringify(next) === JSON.stringify(this.#steps)) return
    this.#steps = next
    this.#emit(next)
  }
}
