/** Orders passages by how well each answers a question, both read together. Suite: tests/contracts/reranker.ts. */
export interface Reranker extends AsyncDisposable {
  readonly specVersion: 1
  readonly id: string
  /** More is not read: the best of a list are worth the time, its tail is not. */
  readonly maxPassages: number
  /**
   * One score for each passage, in their order; higher is better, comparable within this call only.
   * @throws SiloError engine errors, the signal's reason
   */
  score(
    question: string,
    passages: readonly RerankPassage[],
    signal: AbortSignal,
  ): Promise<readonly number[]>
}

export interface RerankPassage {
  /** Title and headings above the passage. */
  readonly context: string
  readonly text: string
}
