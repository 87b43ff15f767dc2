import { fileType } from '#companion/sync/bep-peer.ts'
import type { LocalFile } from './file-records.ts'
import type { FolderContext } from './folder-context.ts'
import { keepDirectory, settlingMs } from './jobs.ts'
import { isInternal, isTemporary, parentsOf, splitName } from './names.ts'
import type { Need, Needs } from './needs.ts'
import { perform, recordOf, type Step } from './placement.ts'

const batch = 500

function isThere({ local }: Need): boolean {
  return local !== undefined && !local.deleted && !local.ignored
}

/** What goes on beside the deletions. */
interface Pulling {
  /** Names that are being got. */
  readonly active: ReadonlySet<string>
  announcing(): boolean
}

/** Deletes what others deleted: files, then directories from the deepest up. */
export class Deletions {
  readonly #context: FolderContext
  readonly #needs: Needs
  readonly #pulling: Pulling
  /** Ms until something that could not be decided in this round can be. */
  #wait = Infinity
  /**
   * Ms since 1970 since which each of a dataset waits for nothing but its time. Who opened the version before did so until
   * then at the latest: a version that came late, or over a slow link, must not shorten what its readers have.
   */
  #free = new Map<string, { readonly since: number; readonly at: number }>()

  constructor(context: FolderContext, needs: Needs, pulling: Pulling) {
    this.#context = context
    this.#needs = needs
    this.#pulling = pulling
  }

  /** Ms after which there will be more to delete; undefined: nothing waits. */
  async perform(
    all: readonly Need[],
    failed: (need: Need, code: string) => void,
  ): Promise<number | undefined> {
    // Something else may have been announced of them since the round began.
    const { ready, wait } = this.#due(all.filter((need) => this.#isCurrent(need)))
    this.#wait = wait ?? Infinity
    // Only recorded, so that whoever hears of this folder through this device hears of it too.
    const steps = new Map<Step, Need>()
    const folders: Need[] = []
    this.#record(ready.filter((need) => !isThere(need)))
    for (const need of ready.filter(isThere)) {
      if (need.local!.type === fileType.directory) folders.push(need)
      else {
        const { name } = need
        const item = { name, make: 'nothing', expect: need.local!.stat, replaces: 'other' } as const
        steps.set({ item, records: [this.#recordOf(need)] }, need)
      }
    }
    const items = [...steps.keys()]
    for (let at = 0; at < items.length; at += batch) {
      const due = items.slice(at, at + batch).filter((step) => this.#isCurrent(steps.get(step)!))
      for (const { step, code } of await perform(this.#context, due)) failed(steps.get(step)!, code)
    }
    await this.#directories(
      folders.toSorted((a, b) => (a.name < b.name ? 1 : -1)),
      failed,
    )
    return this.#wait === Infinity ? undefined : this.#wait
  }

  /** In a dataset readers still use what was deleted, and the version that no longer names it has to be here first. */
  #due(all: readonly Need[]): { ready: readonly Need[]; wait?: number } {
    const { dataset, graceMs } = this.#context
    if (!dataset || all.length === 0) return { ready: all }
    const mustWait = this.#needs.earlier().anything
    const now = Date.now()
    const free = new Map<string, { since: number; at: number }>()
    for (const need of all) {
      const known = this.#free.get(need.name)
      const at = known?.since === need.since ? known.at : mustWait(need) ? undefined : now
      if (at !== undefined) free.set(need.name, { since: need.since, at })
    }
    this.#free = free
    const dueAt = ({ name }: Need): number => (free.get(name)?.at ?? Infinity) + graceMs
    const ready = all.filter((need) => dueAt(need) <= now && !mustWait(need))
    const next = Math.min(...all.map(dueAt).filter((at) => at > now))
    return { ready, ...(next < Infinity ? { wait: next - now + 5 } : {}) }
  }

  #isCurrent(need: Need): boolean {
    return this.#needs.get(need.name) === need
  }

  #record(needs: readonly Need[]): void {
    if (needs.length === 0) return
    this.#context.index.putLocal(needs.map((need) => this.#recordOf(need)))
    this.#context.localChanged(needs.map(({ name }) => name))
  }

  #recordOf(need: Need): LocalFile {
    return recordOf(this.#context.index.remote(need.name, need.best.device)!)
  }

  async #directories(
    needs: readonly Need[],
    failed: (need: Need, code: string) => void,
  ): Promise<void> {
    // What is being got into it would bring it back as nobody's; it ends, and then there is another round.
    const inUse = new Set([...this.#pulling.active].flatMap(parentsOf))
    for (let at = 0; at < needs.length; at += batch) {
      const steps = new Map<Step, Need>()
      for (const need of needs.slice(at, at + batch))
        if (this.#isCurrent(need) && !inUse.has(need.name)) steps.set(this.#stepOf(need, []), need)
      for (const { step, code } of await perform(this.#context, [...steps.keys()])) {
        const need = steps.get(step)!
        if (code === 'ENOTEMPTY' || code === 'EEXIST') await this.#notEmpty(need, failed)
        else failed(need, code)
      }
    }
  }

  #stepOf(need: Need, deletable: readonly string[]): Step {
    const { name } = need
    const item = { name, make: 'nothing', expect: '', replaces: 'directory', deletable } as const
    return { item, records: [this.#recordOf(need)] }
  }

  /** What is still in it: leftovers that may go, files that keep it, or something not yet known. */
  async #notEmpty(need: Need, failed: (need: Need, code: string) => void): Promise<void> {
    const { disk, root, index, ignores } = this.#context
    const { name } = need
    const nothingIgnored = { lines: [], foldCase: false }
    const page = await disk.run({
      kind: 'list',
      root,
      folders: [name],
      ignore: nothingIgnored,
      dataset: false,
      limit: 1,
    })
    const direct = page.entries
      .map((entry) => entry.name)
      .filter((child) => splitName(child)[0] === name)
    const deletable = page.temporaries.filter((child) => splitName(child)[0] === name)
    const unknown: string[] = []
    let kept = false
    let live = false
    for (const child of direct) {
      const verdict = ignores.check(child)
      if (verdict.ignored && verdict.deletable) deletable.push(child)
      else if (verdict.ignored || isInternal(child)) kept = true
      else {
        const row = index.localShort(child)
        if (!row || row.deleted) unknown.push(child)
        else if (!this.#needs.get(child)?.best.deleted) live = true
      }
    }
    if (unknown.length > 0) this.#context.rescanSoon(unknown)
    if (live) this.#keep(need)
    else if (unknown.length > 0) failed(need, 'sync_file_busy')
    else if (kept || direct.some((child) => !deletable.includes(child)))
      failed(need, 'sync_directory_kept')
    else if (this.#isCurrent(need)) {
      const steps = [
        this.#stepOf(
          need,
          deletable.filter((child) => isTemporary(child) || ignores.check(child).deletable),
        ),
      ]
      for (const { code } of await perform(this.#context, steps)) failed(need, code)
    }
  }

  #keep(need: Need): void {
    const wait = settlingMs(need, this.#pulling.announcing())
    if (wait === 0) keepDirectory(this.#context, need)
    else this.#wait = Math.min(this.#wait, wait)
  }
}
