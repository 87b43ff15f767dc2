import type { Log } from '#companion/observe/log.ts'
import type { FolderProblem, FolderType } from '#companion/sync/folder-engine.ts'
import type { Disk } from './disk.ts'
import type { LocalFile } from './file-records.ts'
import type { IgnorePatterns } from './ignores.ts'
import type { IndexStore } from './index-store.ts'
import { shownName } from './names.ts'

/** What the parts of one folder share. */
export interface FolderContext {
  readonly id: string
  readonly root: string
  readonly type: FolderType
  readonly shortId: bigint
  readonly dataset: boolean
  readonly ignorePermissions: boolean
  readonly ignoreDelete: boolean
  readonly graceMs: number
  readonly caseSensitive: boolean
  readonly index: IndexStore
  readonly disk: Disk
  readonly log: Log
  readonly problems: Problems
  /** Names that are being brought into another state here: no scan takes that for a change by the person. */
  readonly busy: Set<string>
  ignores: IgnorePatterns
  /** May this device's changes be taken? By its number in the index. */
  mayWrite(device: number): boolean
  /** Looks at these names soon. */
  rescanSoon(names: readonly string[], delayMs?: number): void
  /** What is here changed in the index. `announced`: those of them that others may have; all unless told. */
  localChanged(names: readonly string[], announced?: readonly string[]): void
  /** Written, moved here or deleted as another device had it, and recorded so. */
  recorded(files: readonly LocalFile[]): void
  /** Nothing more can be done now; it is tried again after a while. */
  fail(code: 'disk_full'): void
  stateChanged(): void
}

const shown = 100
const remembered = 10_000

/** One problem a name; the newest are shown. */
export class Problems {
  readonly #byName = new Map<string, FolderProblem>()
  readonly #changed: () => void

  constructor(changed: () => void) {
    this.#changed = changed
  }

  get size(): number {
    return this.#byName.size
  }

  set(name: string, code: string): void {
    const key = shownName(name)
    this.#byName.delete(key)
    this.#byName.set(key, { name: key, code, at: Date.now() })
    if (this.#byName.size > remembered) this.#byName.delete(this.#byName.keys().next().value!)
    this.#changed()
  }

  clear(name: string): void {
    if (this.#byName.delete(shownName(name))) this.#changed()
  }

  newest(): FolderProblem[] {
    return [...this.#byName.values()].slice(-shown).toReversed()
  }
}

/** What an error of the operating system is called in the registry. */
export function problemCode(code: string): string {
  switch (code) {
    case 'ENOSPC':
    case 'EDQUOT':
      return 'disk_full'
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return 'path_denied'
    case 'ENAMETOOLONG':
    case 'EILSEQ':
    case 'EINVAL':
    case 'unsafe':
      return 'sync_name_refused'
    case 'ENOTDIR':
    case 'ELOOP':
      return 'sync_path_unsafe'
    case 'ENOTEMPTY':
    case 'EEXIST':
      return 'sync_directory_kept'
    case 'changed':
    case 'moved-changed':
    // It was there a moment ago.
    case 'ENOENT':
      return 'sync_file_busy'
    case 'wrong':
      return 'sync_wrong_block'
    default:
      return 'internal'
  }
}
