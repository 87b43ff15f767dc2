import { SvelteMap } from 'svelte/reactivity'
import type { Approval, ApprovalAnswer } from '#shared/domain/approval.ts'
import type { FileChange } from '#shared/domain/file-change.ts'
import { toSiloError, type SiloError } from '#shared/errors/silo-error.ts'
import { previewChanges } from '#web/client/agent/requests.ts'
import { baseName, editsOf, factKeys, foldersTouched, movedTo, renamed, reviewRows, type RowEdit } from './review-rows.ts' // prettier-ignore

export type RowFilter = 'all' | 'unsure' | 'edited' | 'left-out'

/** Facts rest for this long before names are built anew from them, ms. */
const restMs = 300

/** A plan as a person goes through it: rows, edits, what is chosen, where the cursor is. */
export class Review {
  readonly #approval: Approval
  readonly #plan
  readonly #edits = new SvelteMap<string, RowEdit>()
  #rebuilt = $state.raw<ReadonlyMap<string, FileChange>>(new Map())
  #previewFailure = $state.raw<SiloError>()
  #timer: ReturnType<typeof setTimeout> | undefined
  #reading = new AbortController()
  filter = $state<RowFilter>('all')
  query = $state('')
  cursor = $state(0)

  readonly facts: readonly string[]
  readonly rows = $derived.by(() => reviewRows(this.#plan, this.#edits, this.#rebuilt))
  readonly byId = $derived(new Map(this.rows.map((row) => [row.id, row])))
  /** Rows to look at come first, in an order that edits do not change. */
  readonly #order: readonly string[]
  readonly shown = $derived.by(() => {
    const words = this.query.trim().toLowerCase()
    return this.#order.flatMap((id) => {
      const row = this.byId.get(id)
      if (!row) return []
      const kept =
        this.filter === 'all' ||
        (this.filter === 'unsure' && this.#unsureAtFirst.has(id)) ||
        (this.filter === 'edited' && row.edited) ||
        (this.filter === 'left-out' && !row.included)
      const found =
        words === '' || `${row.from ?? ''}\n${row.to ?? ''}`.toLowerCase().includes(words)
      return kept && found ? [row] : []
    })
  })
  readonly #unsureAtFirst: ReadonlySet<string>
  readonly chosen = $derived(this.rows.filter(({ included }) => included).length)
  readonly unsure = $derived(this.rows.filter((row) => row.unsure && row.included).length)
  readonly edited = $derived(this.rows.filter((row) => row.edited).length)
  readonly leftOut = $derived(this.rows.length - this.chosen)
  readonly trashed = $derived(
    this.rows.filter((row) => row.included && row.change.type === 'trash').length,
  )
  readonly folders = $derived(foldersTouched(this.rows))
  readonly blocked = $derived(this.rows.some(({ problem }) => problem === 'name'))

  constructor(approval: Approval & { body: { kind: 'changes' } }) {
    this.#approval = approval
    this.#plan = approval.body.plan
    this.facts = factKeys(this.#plan)
    const rows = reviewRows(this.#plan, new Map(), new Map())
    this.#unsureAtFirst = new Set(rows.filter(({ unsure }) => unsure).map(({ id }) => id))
    const first = rows.filter(({ id }) => this.#unsureAtFirst.has(id))
    const rest = rows.filter(({ id }) => !this.#unsureAtFirst.has(id))
    this.#order = [...first, ...rest].map(({ id }) => id)
    for (const { changeId, include, to, facts } of approval.answer?.edits ?? [])
      this.#edits.set(changeId, {
        ...(include === undefined ? {} : { include }),
        ...(to === undefined ? {} : { to }),
        ...(facts ? { facts } : {}),
      })
  }

  get skipped() {
    return this.#plan.skipped ?? []
  }
  get unsureAtFirst(): number {
    return this.#unsureAtFirst.size
  }
  /** Why names could not be built anew. */
  get previewFailure(): SiloError | undefined {
    return this.#previewFailure
  }

  include(id: string, include: boolean): void {
    this.#edits.set(id, { ...this.#edits.get(id), include })
  }
  toggle(id: string): void {
    this.include(id, !this.byId.get(id)?.included)
  }
  /** Chooses, or leaves out, all rows that are shown. */
  includeShown(include: boolean): void {
    for (const { id } of this.shown) this.include(id, include)
  }

  rename(id: string, name: string): void {
    const to = this.byId.get(id)?.to
    if (to !== undefined && name !== baseName(to)) this.#aim(id, renamed(to, name.trim()))
  }
  refolder(id: string, folder: string): void {
    const to = this.byId.get(id)?.to
    if (to !== undefined && folder.trim() !== '') this.#aim(id, movedTo(to, folder.trim()))
  }

  fact(id: string, key: string): string {
    const change = this.byId.get(id)?.change
    return this.#edits.get(id)?.facts?.[key] ?? change?.facts?.[key]?.value ?? ''
  }
  /** 0 to 1; 1 for what the person has put in; undefined where there is no such fact. */
  confidence(id: string, key: string): number | undefined {
    if (this.#edits.get(id)?.facts?.[key] !== undefined) return 1
    return this.byId.get(id)?.change.facts?.[key]?.confidence
  }
  /** Corrects what was read. A name that was written by hand is built from the facts again. */
  setFact(id: string, key: string, value: string): void {
    if (value === this.fact(id, key)) return
    const { to: _byHand, ...edit } = this.#edits.get(id) ?? {}
    this.#edits.set(id, { ...edit, facts: { ...edit.facts, [key]: value.slice(0, 200) } })
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => void this.#preview(), restMs)
  }

  /** The answer as it stands: all rows, but those left out. */
  answer(): ApprovalAnswer {
    const edits = editsOf(this.#edits)
    return { decision: 'approve', ...(edits.length ? { edits } : {}) }
  }

  dispose(): void {
    clearTimeout(this.#timer)
    this.#reading.abort()
  }

  #aim(id: string, to: string): void {
    const edit = this.#edits.get(id)
    const proposed = this.#rebuilt.get(id) ?? this.byId.get(id)?.change
    const back = proposed && ('to' in proposed ? proposed.to : 'path' in proposed && proposed.path)
    const { to: _past, ...rest } = edit ?? {}
    this.#edits.set(id, back === to ? rest : { ...rest, to })
  }

  async #preview(): Promise<void> {
    this.#reading.abort()
    const { signal } = (this.#reading = new AbortController())
    // Only rows whose facts were corrected get new names.
    const corrected = editsOf(this.#edits).filter(({ facts }) => facts)
    try {
      const plan = await previewChanges(this.#approval.id, corrected, signal)
      if (signal.aborted) return
      const ids = new Set(corrected.map(({ changeId }) => changeId))
      this.#rebuilt = new Map(plan.changes.flatMap((change) => (ids.has(change.id) ? [[change.id, change] as const] : []))) // prettier-ignore
      this.#previewFailure = undefined
    } catch (cause) {
      if (!signal.aborted) this.#previewFailure = toSiloError(cause, 'page')
    }
  }
}
