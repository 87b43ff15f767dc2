/** One place in the queue. */
interface Waiting {
  readonly user: string
  readonly go: () => void
  readonly onAhead: (ahead: number) => void
  ahead: number
}

/** Users whose last turn is remembered. */
const usersKept = 1000

/**
 * Lets `count` through at once. Who waits is let through in turns: first whoever has the fewest going on, counting
 * what of theirs stands before it, then whoever was let through longest ago. So one user with many requests delays
 * another by at most one of them, and nobody waits for ever.
 */
export class FairQueue {
  #free: number
  readonly #active = new Map<string, number>()
  readonly #waiting: Waiting[] = []
  /** When a user was let through last, in turns. */
  readonly #served = new Map<string, number>()
  #turn = 0

  constructor(count: number) {
    this.#free = count
  }

  /** How many requests of a user wait. */
  waitingOf(user: string): number {
    return this.#waiting.filter((waiting) => waiting.user === user).length
  }

  /**
   * Returns the way to give the place back, which does nothing twice. `onAhead` is told how many will be let through
   * before this one, at first and whenever that changes; not at all where there is no waiting.
   * Rejects with the signal's reason.
   */
  async take(
    user: string,
    signal: AbortSignal,
    onAhead: (ahead: number) => void,
  ): Promise<() => void> {
    signal.throwIfAborted()
    if (this.#free > 0) this.#free--
    else await this.#wait(user, signal, onAhead)
    this.#active.set(user, (this.#active.get(user) ?? 0) + 1)
    this.#serve(user)
    let given = false
    return () => {
      if (given) return
      given = true
      const left = this.#active.get(user)! - 1
      if (left > 0) this.#active.set(user, left)
      else this.#active.delete(user)
      const next = this.#order()[0]
      if (!next) return void this.#free++
      this.#remove(next)
      next.go()
    }
  }

  #serve(user: string): void {
    this.#served.delete(user)
    this.#served.set(user, ++this.#turn)
    const oldest = this.#served.keys().next()
    if (this.#served.size > usersKept && !oldest.done) this.#served.delete(oldest.value)
  }

  #wait(user: string, signal: AbortSignal, onAhead: (ahead: number) => void): Promise<void> {
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        this.#remove(waiting)
        reject(signal.reason as Error)
      }
      const go = (): void => {
        signal.removeEventListener('abort', leave)
        resolve()
      }
      const waiting: Waiting = { user, go, onAhead, ahead: -1 }
      this.#waiting.push(waiting)
      signal.addEventListener('abort', leave, { once: true })
      this.#tell()
    })
  }

  #remove(waiting: Waiting): void {
    const at = this.#waiting.indexOf(waiting)
    if (at < 0) return
    this.#waiting.splice(at, 1)
    this.#tell()
  }

  /** In which they are let through, as far as is known now. */
  #order(): Waiting[] {
    const turns = new Map(this.#active)
    const ranked = this.#waiting.map((waiting) => {
      const turn = turns.get(waiting.user) ?? 0
      turns.set(waiting.user, turn + 1)
      return { waiting, turn, served: this.#served.get(waiting.user) ?? 0 }
    })
    // Sorting is stable: who came first stays first.
    return ranked
      .toSorted((a, b) => a.turn - b.turn || a.served - b.served)
      .map(({ waiting }) => waiting)
  }

  #tell(): void {
    for (const [ahead, waiting] of this.#order().entries()) {
      if (waiting.ahead === ahead) continue
      waiting.ahead = ahead
      waiting.onAhead(ahead)
    }
  }
}
