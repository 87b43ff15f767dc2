import { fileType } from '#companion/sync/bep-peer.ts'
import { isManifest } from './dataset-order.ts'
import type { IndexedFile } from './file-records.ts'
import type { FolderContext } from './folder-context.ts'
import type { ShortRow } from './index-rows.ts'
import { isVersion } from './index-store.ts'
import { covers, newestOf } from './versions.ts'

/** A name that others have in a newer version. */
export interface Need {
  readonly name: string
  /** The version to have, as one of the devices announced it. */
  readonly best: ShortRow
  readonly local?: ShortRow
  /** Numbers of the devices that have just this version. */
  readonly devices: readonly number[]
  /** Ms since 1970 of its being known; in memory only. */
  readonly since: number
}

const page = 1000

/** What this device lacks, kept up to date name by name. */
export class Needs {
  readonly #context: FolderContext
  readonly #needs = new Map<string, Need>()
  #bytes = 0
  #deletions = 0

  constructor(context: FolderContext) {
    this.#context = context
  }

  get size(): number {
    return this.#needs.size
  }

  get bytes(): number {
    return this.#bytes
  }

  get deletions(): number {
    return this.#deletions
  }

  all(): Iterable<Need> {
    return this.#needs.values()
  }

  get(name: string): Need | undefined {
    return this.#needs.get(name)
  }

  /** From the index; between pages others get their turn, and see nothing missing that was known before. */
  async rebuild(): Promise<void> {
    const before = new Set(this.#needs.keys())
    for (let after = ''; ;) {
      const names = this.#context.index.differingNames(after, page)
      this.update(names)
      for (const name of names) before.delete(name)
      if (names.length < page) break
      after = names.at(-1)!
      await new Promise(setImmediate)
    }
    this.update([...before])
  }

  update(names: readonly string[]): void {
    for (const name of names) {
      const before = this.#needs.get(name)
      this.#set(name, before, this.#needOf(name, before))
    }
  }

  /** These are here now: what was needed in just that version is needed no more, without asking. */
  have(files: readonly IndexedFile[]): void {
    for (const { name, version } of files) {
      const before = this.#needs.get(name)
      if (before && isVersion(before.best, version)) this.#set(name, before, undefined)
      else this.update([name])
    }
  }

  #set(name: string, before: Need | undefined, now: Need | undefined): void {
    if (before) {
      this.#bytes -= bytesOf(before)
      if (before.best.deleted) this.#deletions--
    }
    if (now) {
      this.#bytes += bytesOf(now)
      if (now.best.deleted) this.#deletions++
      this.#needs.set(name, now)
    } else if (before) {
      this.#needs.delete(name)
      this.#context.problems.clear(name)
    }
  }

  /**
   * Datasets: which needs have to wait for files announced before them. Whoever writes announces a manifest after the
   * files it names, and deletions after the manifest that no longer names them.
   */
  earlier(): { data: (need: Need) => boolean; anything: (need: Need) => boolean } {
    const data = new Map<number, number>()
    const anything = new Map<number, number>()
    for (const { best, name } of this.#needs.values()) {
      if (best.deleted || best.type === fileType.directory) continue
      for (const first of isManifest(name) ? [anything] : [anything, data])
        first.set(best.device, Math.min(best.sequence, first.get(best.device) ?? Infinity))
    }
    return { data: isAfter(data), anything: isAfter(anything) }
  }

  #needOf(name: string, before: Need | undefined): Need | undefined {
    const { index, type, ignores, ignoreDelete, mayWrite } = this.#context
    if (type === 'sendonly') return undefined
    const rows = index.versions(name)
    const local = rows.find((row) => row.device === 0)
    const contenders = rows.filter((row) =>
      row.device === 0
        ? !row.ignored && !row.changedHere && !row.invalid
        : !row.invalid && mayWrite(row.device),
    )
    const best = newestOf(contenders)
    if (!best || best.device === 0) return undefined
    if (local && !local.ignored && covers(local.version, best.version)) return undefined
    if (best.deleted && ignoreDelete) return undefined
    if (ignores.ignores(name)) return undefined
    const devices = rows
      .filter((row) => row.device !== 0 && !row.invalid && isVersion(row, best.version))
      .map(({ device }) => device)
    const same = before && isVersion(before.best, best.version)
    return {
      name,
      best,
      ...(local ? { local } : {}),
      devices,
      since: same ? before.since : Date.now(),
    }
  }
}

/** Numbers of different devices say nothing about each other. */
function isAfter(first: ReadonlyMap<number, number>): (need: Need) => boolean {
  return ({ best }) =>
    [...first].some(([device, sequence]) => device !== best.device || sequence < best.sequence)
}

function bytesOf({ best }: Need): number {
  return best.deleted ? 0 : best.size
}
