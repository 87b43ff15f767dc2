import type { PageStore } from './page-store.ts'

/** A sequence of the engine, as far as pages go. */
export interface PagedSequence {
  readonly id: number
  /** Tokens whose keys and values are in the cache, in order. */
  tokens: number[]
  /** What they were computed for; undefined: not to be kept. */
  session: string | undefined
  /** How many of the tokens, from the first on, are on disk too. */
  stored: number
}

/** The engine's way to write and read the cache of one sequence. It must not be computing meanwhile. */
export interface SequenceState {
  save(path: string, sequence: number, tokens: Uint32Array): Promise<number>
  /** The tokens of the file. What the sequence held before is lost, also when this rejects. */
  load(path: string, sequence: number, maxTokens: number): Promise<Uint32Array>
}

export interface SequencePagesInit {
  readonly store: PageStore
  readonly state: SequenceState
  readonly contextTokens: number
  /** Bytes the cache takes per token. */
  readonly bytesPerToken: number
  /** Something could not be written or read. It is not asked for again for this page. */
  readonly failed: (error: unknown) => undefined
}

/** Fewer tokens are computed as quickly as they are read, and are not worth the disk. */
const worthKeeping = 256
const worthReading = 128

/** Moves the caches of sequences to disk and back. Only its owner's loop calls it, never while it computes. */
export class SequencePages {
  readonly #init: SequencePagesInit

  constructor(init: SequencePagesInit) {
    this.#init = init
  }

  /** Is there something that the disk does not have yet? */
  isUnsaved({ session, tokens, stored }: PagedSequence): boolean {
    return session !== undefined && tokens.length - stored >= worthKeeping
  }

  /** Writes what is new. Never throws. */
  async save(sequence: PagedSequence): Promise<void> {
    const { session } = sequence
    if (session === undefined || !this.isUnsaved(sequence)) return
    const { store, state, bytesPerToken, failed } = this.#init
    const tokens = Uint32Array.from(sequence.tokens)
    // Whatever comes of it, the same is not tried again.
    sequence.stored = tokens.length
    try {
      await store.write(tokens, session, tokens.length * bytesPerToken, (path) =>
        state.save(path, sequence.id, tokens),
      )
    } catch (error) {
      failed(error)
    }
  }

  /** Before all but the first `shared` tokens are dropped: writes what would be lost. Never throws. */
  async leave(sequence: PagedSequence, shared: number): Promise<void> {
    if (sequence.tokens.length - shared >= worthKeeping) await this.save(sequence)
  }

  /**
   * Fills the sequence from disk where that has more of `prompt` than the `have` tokens that are in memory.
   * Never throws.
   * @returns false where the sequence was left as it was; after a failure it is empty
   */
  async restore(sequence: PagedSequence, prompt: Uint32Array, have: number): Promise<boolean> {
    const { store, state, contextTokens, failed } = this.#init
    const page = await store.find(prompt, have + worthReading, contextTokens).catch(failed)
    if (!page) return false
    // What it holds now goes to disk first, unless it is there.
    await this.save(sequence)
    Object.assign(sequence, { tokens: [], stored: 0, session: undefined })
    try {
      const tokens = await state.load(page.path, sequence.id, contextTokens)
      sequence.tokens = [...tokens]
      sequence.stored = tokens.length
    } catch (error) {
      failed(error)
      await store.discard(page).catch(failed)
    }
    return true
  }

  /** See `PageStore.forget`. */
  async forget(session?: string): Promise<void> {
    await this.#init.store.forget(session)
  }

  /** See `PageStore.limit`. */
  limit(maxBytes: number): void {
    this.#init.store.limit(maxBytes)
  }
}
