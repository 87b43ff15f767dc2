import { createHash } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { DiskNoteFiles } from '#companion/notes/note-files.ts'
import { Notes } from '#companion/notes/notes.ts'
import { NoteTrash } from '#companion/notes/note-trash.ts'
import { notePurpose } from '#companion/seal/home-conversion.ts'
import type { Extracted } from '#companion/vault/extract/extracted.ts'
import type { DocumentKind } from '#shared/domain/vault.ts'
import { frontMatter } from '#shared/notes/note-text.ts'
import type { Seal } from '#companion/seal/seal.ts'
import type { Vault } from '#companion/vault/vault.ts'

interface Parts {
  readonly home: string
  readonly companionId: string
  readonly seal: Seal
  readonly vault: Vault
  /** Takes every grant away that a new collection begins with. */
  readonly keepPrivate: (collectionId: string) => void
  /** These files below the notes have changed. */
  readonly touched: (collectionId: string, paths: readonly string[]) => void
}

/**
 * The built-in collection of a device's notes. Each device has one of its own: two people's notes never become one
 * collection, and who may read them is decided by the device they lie on.
 */
export function notesCollectionId(companionId: string): string {
  return `notes-${createHash('sha256').update(companionId).digest('hex').slice(0, 20)}`
}

export const notesFolder = (home: string): string => join(home, 'notes')

/** A note is one, unless it was clipped from a page: then its front matter says where from. */
export function noteKind(_path: string, { text }: Extracted): DocumentKind {
  return frontMatter(text).values.source === undefined ? 'note' : 'web'
}

/** Notes in the data folder, and the collection they are searched in: there from the first note on. */
export function composeNotes(parts: Parts): Notes {
  const { home, companionId, seal, vault, touched } = parts
  const root = notesFolder(home)
  const id = notesCollectionId(companionId)
  const exists = (): boolean => vault.names().some((collection) => collection.id === id)
  mkdirSync(root, { recursive: true, mode: 0o700 })
  return new Notes({
    files: new DiskNoteFiles(root, {
      seal: (bytes) => (seal.notes ? seal.seal(bytes, notePurpose) : bytes),
      open: (bytes) => seal.open(bytes, notePurpose),
    }),
    trash: new NoteTrash(join(home, 'notes-trash'), root),
    collectionId: () => (exists() ? id : undefined),
    onChange(paths) {
      if (!exists()) {
        vault.createCollection({ id, name: 'Notes', roots: [root] })
        // Folders are put into a collection to be asked by others; notes are not.
        parts.keepPrivate(id)
      }
      touched(id, paths.map((path) => join(root, path))) // prettier-ignore
    },
  })
}
