import { untrack } from 'svelte'
import type { Artifact } from '#shared/domain/artifact.ts'
import type { Citation } from '#shared/domain/conversation.ts'
import type { ConversationStore } from './conversation.svelte.ts'
import { draftArtifact, type DraftArtifact } from './draft-artifact.ts'

/**
 * The pane beside the chat: artifacts of the shown branch, the one being written, an opened source. Made
 * while a component is set up, because it has effects.
 */
export class SidePane {
  readonly #store: () => ConversationStore
  #open = $state(false)
  #selectedId = $state<string | null>(null)
  #citation = $state.raw<Citation | null>(null)
  /** The last draft, shown until the companion has stored what it became. */
  #held = $state.raw<{ draft: DraftArtifact; messageId: string; stored: number } | null>(null)

  readonly artifacts = $derived.by<Artifact[]>(() =>
    this.#store().branch.flatMap((message) => message.artifacts ?? []),
  )
  readonly #written = $derived.by<DraftArtifact | null>(() => {
    const { writing } = this.#store()
    return writing ? draftArtifact(writing.text) : null
  })
  readonly draft = $derived.by<DraftArtifact | null>(() => {
    if (this.#written) return this.#written
    const held = this.#held
    const waiting = held !== null && held.messageId === this.#store().writing?.id
    return waiting && held.stored === this.artifacts.length ? held.draft : null
  })
  readonly shown = $derived(
    this.#open && (this.artifacts.length > 0 || this.draft !== null || this.#citation !== null),
  )

  /** `covers`: the pane would lie over the conversation, so it opens only when it is asked for. */
  constructor(store: () => ConversationStore, covers: () => boolean) {
    this.#store = store
    $effect(() => {
      void store().id
      untrack(() => {
        this.#selectedId = null
        this.#citation = null
        this.#held = null
        this.#open = !covers()
      })
    })
    // What is being made is shown, and stays selected once it is stored.
    const drafting = $derived(this.#written !== null)
    $effect(() => {
      if (!drafting) return
      untrack(() => {
        this.#selectedId = null
        // An opened source of an earlier answer gives way to what is being made now.
        this.#citation = null
        if (!covers()) this.#open = true
      })
    })
    $effect(() => {
      const draft = this.#written
      const writing = store().writing
      if (!draft || !writing) return
      untrack(() => {
        this.#held = { draft, messageId: writing.id, stored: this.artifacts.length }
      })
    })
    this.#follow(covers)
    let stored = 0
    $effect(() => {
      const now = this.artifacts.length
      untrack(() => {
        if (now > stored && this.#held) {
          this.#selectedId = this.artifacts.at(-1)?.id ?? null
          this.#held = null
          if (!covers()) this.#open = true
        }
        stored = now
      })
    })
  }

  /** A task makes and changes things while it works: the newest is shown, unless the person looks at another. */
  #follow(covers: () => boolean): void {
    let followed: string | null = null
    $effect(() => {
      const { writing } = this.#store()
      const newest = writing && this.#store().isTask(writing) ? newestOf(writing.artifacts ?? []) : undefined // prettier-ignore
      if (!newest) return
      const id = newest.id
      void newest.sha256
      untrack(() => {
        if (this.#selectedId !== null && this.#selectedId !== followed) return
        followed = id
        this.#selectedId = id
        if (!covers()) this.#open = true
      })
    })
  }

  get selectedId(): string | null {
    return this.#selectedId
  }
  get citation(): Citation | null {
    return this.#citation
  }

  /** Another tab was chosen in the pane; an opened source keeps its tab. */
  select(id: string): void {
    this.#selectedId = id
  }
  /** Opens an artifact, or without one the draft. */
  openArtifact(artifact: Artifact | undefined): void {
    this.#selectedId = artifact?.id ?? null
    this.#citation = null
    this.#open = true
  }
  openCitation(citation: Citation): void {
    this.#citation = citation
    this.#open = true
  }
  closeCitation(): void {
    this.#citation = null
  }
  close(): void {
    this.#open = false
    this.#citation = null
  }
}

function newestOf(artifacts: readonly Artifact[]): Artifact | undefined {
  return artifacts.toSorted((a, b) => a.createdAt - b.createdAt || a.version - b.version).at(-1)
}
