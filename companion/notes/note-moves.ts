import { SiloError } from '#shared/errors/silo-error.ts'
import { NoteNames } from '#shared/notes/note-links.ts'
import { folderOf } from '#shared/notes/note-path.ts'
import { rewriteLinks } from '#shared/notes/note-text.ts'
import type { NoteFiles } from './note-files.ts'
import type { NoteIndex } from './note-index.ts'

/** @returns paths of the notes whose links were rewritten. @throws SiloError note_unknown, note_exists */
export async function moveNote(
  files: NoteFiles,
  index: NoteIndex,
  from: string,
  to: string,
): Promise<string[]> {
  if (!(await files.stat(from))) throw new SiloError('note_unknown')
  await files.rename(from, to)
  const updated = await followLinks(files, index, new Map([[from, to]]))
  await files.removeEmptyFolders(folderOf(from))
  return updated
}

/** @throws SiloError note_exists */
export async function moveFolder(
  files: NoteFiles,
  index: NoteIndex,
  from: string,
  to: string,
): Promise<{ moved: number; updated: string[] }> {
  const moved = new Map<string, string>()
  for (const { path } of index.heads())
    if (path.startsWith(`${from}/`)) moved.set(path, to + path.slice(from.length))
  await files.rename(from, to)
  return { moved: moved.size, updated: await followLinks(files, index, moved) }
}

/** Rewrites every link that would lead elsewhere now. `index` is as it was before the move. */
async function followLinks(
  files: NoteFiles,
  index: NoteIndex,
  moved: ReadonlyMap<string, string>,
): Promise<string[]> {
  const before = index.heads().map(({ path }) => path)
  const now = (path: string): string => moved.get(path) ?? path
  const names = new NoteNames(before.map(now))
  const updated: string[] = []
  for (const path of before) {
    const place = now(path)
    const bytes = await files.read(place).catch(() => undefined)
    if (!bytes) continue
    const text = decoded(bytes)
    if (text === undefined) continue
    const next = rewriteLinks(text, (link) => {
      const target = index.resolve(link, path)
      if (target === undefined || names.resolve(link, place) === now(target)) return undefined
      return names.nameFor(now(target), place, link.kind)
    })
    if (next === text) continue
    await files.write(place, new TextEncoder().encode(next))
    updated.push(place)
  }
  return updated
}

/** Undefined for what is no text: it is not written again. */
function decoded(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    return undefined
  }
}
