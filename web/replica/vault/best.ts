/** The highest of many scores. */
export class Best<T> {
  readonly #limit: number
  /** A heap: the lowest score kept is first. */
  readonly #heap: { readonly score: number; readonly of: T; readonly row: number }[] = []

  constructor(limit: number) {
    this.#limit = limit
  }

  /** A score has to be above this to be kept. */
  get least(): number {
    return this.#heap.length < this.#limit ? -Infinity : this.#heap[0]!.score
  }

  add(score: number, of: T, row: number): void {
    const heap = this.#heap
    if (heap.length < this.#limit) {
      heap.push({ score, of, row })
      this.#up(heap.length - 1)
    } else if (score > heap[0]!.score) {
      heap[0] = { score, of, row }
      this.#down()
    }
  }

  /** Highest first. */
  sorted(): { score: number; of: T; row: number }[] {
    return this.#heap.toSorted((a, b) => b.score - a.score)
  }

  #up(from: number): void {
    const heap = this.#heap
    for (let at = from; at > 0;) {
      const parent = (at - 1) >> 1
      if (heap[parent]!.score <= heap[at]!.score) return
      ;[heap[parent], heap[at]] = [heap[at]!, heap[parent]!]
      at = parent
    }
  }

  #down(): void {
    const heap = this.#heap
    for (let at = 0; ;) {
      const left = 2 * at + 1
      const right = left + 1
      let least = at
      if (left < heap.length && heap[left]!.score < heap[least]!.score) least = left
      if (right < heap.length && heap[right]!.score < heap[least]!.score) least = right
      if (least === at) return
      ;[heap[least], heap[at]] = [heap[at]!, heap[least]!]
      at = least
    }
  }
}
