import { parentsOf } from './names.ts'
import type { Need, Needs } from './needs.ts'

const firstMs = 250
const lastMs = 60_000

interface Retry {
  readonly until: number
  readonly attempts: number
  /** Of the version that failed: another one is tried at once. */
  readonly sequence: number
}

/** When what failed is tried again: soon at first, then more and more rarely. */
export class Retries {
  readonly #byName = new Map<string, Retry>()

  /** `forGood`: until something else changes. */
  add(need: Need, forGood: boolean): { attempts: number; delay: number } {
    const before = this.#byName.get(need.name)
    const { sequence } = need.best
    const attempts = before?.sequence === sequence ? before.attempts + 1 : 1
    const delay = forGood ? Infinity : Math.min(lastMs, firstMs * 2 ** Math.min(attempts - 1, 10))
    this.#byName.set(need.name, { until: Date.now() + delay, attempts, sequence })
    return { attempts, delay }
  }

  isWaiting(need: Need, now: number): boolean {
    const retry = this.#byName.get(need.name)
    return retry !== undefined && retry.sequence === need.best.sequence && retry.until > now
  }

  /** Ms until the next is tried; undefined: none waits. What is needed no more is forgotten. */
  next(needs: Needs, now: number): number | undefined {
    let first = Infinity
    for (const [name, { until }] of this.#byName) {
      if (!needs.get(name)) this.#byName.delete(name)
      else if (until > now) first = Math.min(first, until)
    }
    return first === Infinity ? undefined : first - now
  }

  /** These changed here: they, and what is in them, are tried anew. */
  done(names: readonly string[]): void {
    if (this.#byName.size === 0) return
    const changed = new Set(names)
    for (const name of this.#byName.keys())
      if (changed.has(name) || parentsOf(name).some((parent) => changed.has(parent)))
        this.#byName.delete(name)
  }

  clear(): void {
    this.#byName.clear()
  }
}
