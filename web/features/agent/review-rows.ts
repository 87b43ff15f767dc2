import type { ChangeEdit } from '#shared/domain/approval.ts'
import type { ChangePlan, FileChange } from '#shared/domain/file-change.ts'

/** Below this a value that was read from a document is worth a look, 0 to 1. */
export const sureFrom = 0.8

/** What the person made of one row. */
export interface RowEdit {
  readonly include?: boolean
  readonly to?: string
  readonly facts?: Readonly<Record<string, string>>
}

export interface ReviewRow {
  readonly id: string
  /** As it was proposed. */
  readonly change: FileChange
  /** Where the file is now; undefined for what is new. */
  readonly from: string | undefined
  /** Where it will be, with the person's edits; undefined for what goes to the trash. */
  readonly to: string | undefined
  readonly size: number | undefined
  readonly included: boolean
  readonly edited: boolean
  /** A value of it was not read with certainty, and nobody has corrected it. */
  readonly unsure: boolean
  /** Why it cannot be made like this. */
  readonly problem?: 'name' | 'twice'
}

/** The last part of a path of any system. */
export function baseName(path: string): string {
  return path.split(/[\\/]/).findLast((part) => part !== '') ?? path
}

/** The folder of a path, without the separator at its end. */
export function folderOf(path: string): string {
  const cut = Math.max(path.lastIndexOf('/'), path.lastIndexOf('\\'))
  return cut <= 0 ? path.slice(0, 1) : path.slice(0, cut)
}

/** `path` with another name in the same folder. */
export function renamed(path: string, name: string): string {
  const folder = folderOf(path)
  const separator = path.includes('\\') && !path.includes('/') ? '\\' : '/'
  return folder === separator ? folder + name : folder + separator + name
}

/** `path` in another folder. */
export function movedTo(path: string, folder: string): string {
  const separator = folder.includes('\\') && !folder.includes('/') ? '\\' : '/'
  return folder.replace(/[\\/]+$/, '') + separator + baseName(path)
}

/** A name that some file system of those Silo runs on would not take. */
export function isBadName(name: string): boolean {
  if (name === '' || name === '.' || name === '..' || name.length > 255) return true
  // oxlint-disable-next-line no-control-regex -- these are what must not be in a name
  return /[\\/\u0000-\u001f]/.test(name) || new TextEncoder().encode(name).length > 255
}

/** The rows of a plan with the edits on them; `rebuilt` holds the rows whose names the skill has built anew. */
export function reviewRows(
  plan: ChangePlan,
  edits: ReadonlyMap<string, RowEdit>,
  rebuilt: ReadonlyMap<string, FileChange>,
): ReviewRow[] {
  const rows = plan.changes.map((change) => rowOf(change, edits.get(change.id), rebuilt.get(change.id))) // prettier-ignore
  const taken = new Set<string>()
  return rows.map((row) => {
    if (!row.included || row.to === undefined) return row
    if (isBadName(baseName(row.to))) return { ...row, problem: 'name' }
    // File systems that fold case would take these two for one.
    const key = row.to.normalize('NFC').toLowerCase()
    if (row.change.type !== 'make-folder' && taken.has(key)) return { ...row, problem: 'twice' }
    taken.add(key)
    return row
  })
}

/** What is sent with the answer: only rows the person touched. */
export function editsOf(edits: ReadonlyMap<string, RowEdit>): ChangeEdit[] {
  return [...edits].flatMap(([changeId, { include, to, facts }]) => {
    const edit: ChangeEdit = {
      changeId,
      ...(include === false ? { include } : {}),
      ...(to === undefined ? {} : { to }),
      ...(facts && Object.keys(facts).length ? { facts: { ...facts } } : {}),
    }
    return Object.keys(edit).length > 1 ? [edit] : []
  })
}

/** Facts that have a name in the language of the page: the key of its text. */
export const factNames: Readonly<
  Record<string, 'date' | 'amount' | 'company' | 'documentTitle' | undefined>
> = {
  date: 'date',
  amount: 'amount',
  company: 'company',
  title: 'documentTitle',
}

/** The facts worth a column: the known ones first, at most four. */
export function factKeys(plan: ChangePlan): string[] {
  const found = new Set(plan.changes.flatMap(({ facts }) => Object.keys(facts ?? {})))
  const known = ['date', 'amount', 'company'].filter((key) => found.has(key))
  return [...known, ...[...found].filter((key) => !known.includes(key)).toSorted()].slice(0, 4)
}

/** Folders that the chosen rows take from or put into, without those inside another of them. */
export function foldersTouched(rows: readonly ReviewRow[]): string[] {
  const all = new Set(
    rows
      .filter(({ included }) => included)
      .flatMap(({ from, to }) => [from, to].flatMap((path) => (path === undefined ? [] : [folderOf(path)]))), // prettier-ignore
  )
  return [...all].filter((folder) => ![...all].some((other) => other !== folder && folder.startsWith(`${other}/`))).toSorted() // prettier-ignore
}

/** The first of some folders, as a person reads them. */
export function shownFolders(folders: readonly string[], most: number): string {
  return folders.slice(0, most).join(', ') + (folders.length > most ? ' …' : '')
}

function rowOf(change: FileChange, edit: RowEdit = {}, rebuilt = change): ReviewRow {
  const isNew = change.type === 'create' || change.type === 'make-folder'
  const target = 'to' in rebuilt ? rebuilt.to : rebuilt.type === 'trash' ? undefined : rebuilt.path
  const corrected = edit.facts ?? {}
  return {
    id: change.id,
    change,
    from: change.type === 'move' ? change.from : isNew ? undefined : change.path,
    to: edit.to ?? target,
    size: 'size' in change ? change.size : 'stamp' in change ? change.stamp.size : undefined,
    included: edit.include !== false,
    edited: edit.to !== undefined || Object.keys(corrected).length > 0,
    unsure: Object.entries(change.facts ?? {}).some(([key, fact]) => fact.confidence < sureFrom && corrected[key] === undefined && edit.to === undefined), // prettier-ignore
  }
}
