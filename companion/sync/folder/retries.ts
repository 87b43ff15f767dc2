import { parentsOf } from './names.ts'
import type { Need, Needs } from './needs.ts'

const firstMs = 250
const lastMs = 60_000

interface Retry {
  readonly until: number
  readonly attempts: number
  /** What failed: another version, or one that another device has too, is tried at once. */
  readonly need: Need
}

/** When what failed is tried again: soon at first, then more and more rarely. */
export class Retries {
  readonly #byName = new Map<string, Retry>()

  /** `forGood`: until something else changes. */
  add(need: Need, forGood: boolean): { attempts: number; delay: number } {
    const before = this.#byName.get(need.name)
    const attempts = before && isSame(before.need, need) ? before.attempts + 1 : 1
    const delay = forGood ? Infinity : Math.min(lastMs, firstMs * 2 ** Math.min(attempts - 1, 10))
    this.#byName.set(need.name, { until: Date.now() + delay, attempts, need })
    return { attempts, delay }
  }

  /** Nothing was tried; `ms` until it can be. */
  postpone(need: Need, ms: number): void {
    const before = this.#byName.get(need.name)
    const attempts = before && isSame(before.need, need) ? before.attempts : 0
    this.#byName.set(need.name, { until: Date.now() + ms, attempts, need })
  }

  isWaiting(need: Need, now: number): boolean {
    const retry = this.#byName.get(need.name)
    if (!retry || retry.until <= now || !isSame(retry.need, need)) return false
    return need.devices.every((device) => retry.need.devices.includes(device))
  }

  /**
   * Ms until the next is tried of those that had to wait at `since`, which may have become due meanwhile; undefined:
   * none waits. What is needed no more is forgotten.
   */
  next(needs: Needs, since: number, now = Date.now()): number | undefined {
    let first = Infinity
    for (const [name, { until }] of this.#byName) {
      if (!needs.get(name)) this.#byName.delete(name)
      else if (until > since) first = Math.min(first, until)
    }
    return first === Infinity ? undefined : Math.max(0, first - now)
  }

  /** These changed here: they, what is in them, and the directories they are in are tried anew. */
  done(names: readonly string[]): void {
    if (this.#byName.size === 0) return
    const changed = new Set(names)
    const around = new Set(names.flatMap(parentsOf))
    for (const name of this.#byName.keys())
      if (
        changed.has(name) ||
        around.has(name) ||
        parentsOf(name).some((parent) => changed.has(parent))
      )
        this.#byName.delete(name)
  }

  clear(): void {
    this.#byName.clear()
  }
}

/** The same announcement of the same device. Numbers of different devices say nothing about each other. */
function isSame({ best: a }: Need, { best: b }: Need): boolean {
  return a.device === b.device && a.sequence === b.sequence
}
