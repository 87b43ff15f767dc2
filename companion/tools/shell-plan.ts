import { createReadStream } from 'node:fs'
import { join } from 'node:path'
import type { SandboxEvent } from '#shared/contracts/sandbox.ts'
import type { FileEntry, ToolContext } from '#shared/contracts/tool.ts'
import type { ChangePlan, FileChange, FileStamp } from '#shared/domain/file-change.ts'
import { newId } from '#shared/domain/ids.ts'

type End = Extract<SandboxEvent, { type: 'end' }>

/** What a command did to its copies, as changes of the folders themselves. Undefined: nothing. */
export async function shellPlan(
  end: End,
  folders: readonly { readonly path: string }[],
  about: { readonly title: string; readonly startedAt: number },
  context: ToolContext,
): Promise<ChangePlan | undefined> {
  const { files, signal } = context
  const skipped: { path: string; reason: string }[] = []
  const removed: { path: string; entry: FileEntry }[] = []
  for (const name of end.removed ?? []) {
    const path = originalOf(name, folders)
    const entry = path && (await entryOf(path))
    if (entry) removed.push({ path, entry })
  }
  const changes: FileChange[] = []
  for (const name of end.made ?? []) {
    const path = originalOf(name, folders)
    if (path) changes.push({ id: newId(), type: 'make-folder', path })
  }
  for (const { name } of end.files) {
    const path = originalOf(name, folders)
    if (!path) continue
    const { sha256, size } = await context.keep(createReadStream(join(end.folder, name)))
    const before = skipped.length
    const old = await entryOf(path)
    if (skipped.length > before) continue
    if (old)
      changes.push({ id: newId(), type: 'replace', path, stamp: stampOf(old), content: sha256, size }) // prettier-ignore
    else if (!(await isMove(path, sha256, size)))
      changes.push({ id: newId(), type: 'create', path, content: sha256, size })
  }
  for (const { path, entry } of removed)
    changes.push({ id: newId(), type: 'trash', path, stamp: stampOf(entry) })
  if (changes.length === 0 && skipped.length === 0) return undefined
  return { title: about.title, changes, ...(skipped.length > 0 ? { skipped } : {}) }

  /** The same content gone from elsewhere: it was moved. */
  async function isMove(to: string, sha256: string, size: number): Promise<boolean> {
    for (const [index, { path, entry }] of removed.entries()) {
      if (entry.size !== size || (await files.hash(path, signal)) !== sha256) continue
      removed.splice(index, 1)
      changes.push({ id: newId(), type: 'move', from: path, to, stamp: { ...stampOf(entry), sha256 } }) // prettier-ignore
      return true
    }
    return false
  }

  /** Undefined also for what somebody changed while the command ran: its copy was another. */
  async function entryOf(path: string): Promise<FileEntry | undefined> {
    const entry = await files.stat(path, signal).catch(() => undefined)
    if (!entry || entry.modifiedAt <= about.startedAt) return entry
    skipped.push({ path, reason: 'changed meanwhile' })
    return undefined
  }
}

function stampOf({ size, modifiedAt }: FileEntry): FileStamp {
  return { size, modifiedAt }
}

/** The path in a person's folder of what a jail calls `<number>/<path below>`. */
function originalOf(name: string, folders: readonly { path: string }[]): string | undefined {
  const cut = name.indexOf('/')
  const folder = folders[Number(name.slice(0, cut))]
  return folder && join(folder.path, name.slice(cut + 1))
}
