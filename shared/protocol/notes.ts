import * as v from 'valibot'
import { idSchema, sha256Schema } from '#shared/domain/ids.ts'
import { isNotePath } from '#shared/notes/note-path.ts'

/**
 * Notes: Markdown files in `<home>/notes`, also those that arrive there by sync or another editor. Paths are relative
 * to that folder, `/` between, and end in `.md`. Owners only.
 */

/** Bytes (UTF-8) one note may have. */
export const maxNoteBytes = 1024 * 1024

const count = v.pipe(v.number(), v.integer(), v.minValue(0))
const title = v.pipe(v.string(), v.trim(), v.minLength(1), v.maxLength(200))
const text = v.pipe(v.string(), v.maxLength(maxNoteBytes))

export const notePathSchema = v.pipe(
  v.string(),
  v.maxLength(2048),
  v.check(isNotePath, 'a note path'),
)
/** A folder below the notes; '' is the top. */
export const folderPathSchema = v.pipe(
  v.string(),
  v.maxLength(2048),
  v.check((path) => path === '' || isNotePath(`${path}/x.md`), 'a folder path'),
)

export const noteHeadSchema = v.object({
  path: v.string(),
  /** `title` of the front matter, else the first heading, else the file's name. */
  title: v.string(),
  /** Bytes. */
  size: count,
  /** Ms since 1970. */
  modifiedAt: v.number(),
  /** Without `#`, as they are written, by name. */
  tags: v.array(v.string()),
  /** SHA-256 of the file: the version an edit is based on. */
  version: sha256Schema,
  /** Of a clipped page: where it is from. */
  source: v.optional(v.string()),
  /** Conflict copies of it. */
  conflicts: count,
})
export type NoteHead = v.InferOutput<typeof noteHeadSchema>

/** `[[target]]` in a note, and the note it leads to; null: there is none yet. */
export const noteLinkSchema = v.object({ target: v.string(), path: v.nullable(v.string()) })
export type NoteLink = v.InferOutput<typeof noteLinkSchema>

export const backlinkSchema = v.object({
  path: v.string(),
  title: v.string(),
  /** The line the link stands in, shortened. */
  line: v.string(),
})
export type Backlink = v.InferOutput<typeof backlinkSchema>

export const noteSchema = v.object({
  ...noteHeadSchema.entries,
  text: v.string(),
  links: v.array(noteLinkSchema),
  backlinks: v.array(backlinkSchema),
})
export type Note = v.InferOutput<typeof noteSchema>

// GET /api/notes?query=&tag=&folder=&offset=&limit= → newest first; `query` looks in titles, paths and tags.
export const notesQuerySchema = v.object({
  query: v.optional(v.pipe(v.string(), v.maxLength(200)), ''),
  tag: v.optional(v.pipe(v.string(), v.maxLength(100))),
  /** Notes in this folder and below. */
  folder: v.optional(folderPathSchema),
  offset: v.optional(v.pipe(v.string(), v.regex(/^\d{1,7}$/), v.transform(Number)), '0'),
  limit: v.optional(
    v.pipe(v.string(), v.regex(/^\d{1,4}$/), v.transform(Number), v.maxValue(1000)),
    '200',
  ),
})
export const noteListSchema = v.object({
  notes: v.array(noteHeadSchema),
  /** How many fit the query. */
  total: count,
  /** All folders, empty ones too, by path. */
  folders: v.array(v.string()),
  /** All tags, the most used first. */
  tags: v.array(v.object({ tag: v.string(), notes: count })),
  /** Conflict copies there are, and entries in the trash. */
  conflicts: count,
  trashed: count,
  /** The collection the notes are searched in; absent before the first note. */
  collectionId: v.optional(idSchema),
})
export type NoteList = v.InferOutput<typeof noteListSchema>

// GET /api/notes/note?path= → {note}
export const noteResponseSchema = v.object({ note: noteSchema })
export const notePathQuerySchema = v.object({ path: notePathSchema })

// POST /api/notes → 201 {note}. A free name is made of the title; the very same note again is that note.
export const createNoteSchema = v.object({
  title,
  folder: v.optional(folderPathSchema, ''),
  /** Absent: a heading with the title. */
  text: v.optional(text),
})
export type CreateNote = v.InferOutput<typeof createNoteSchema>

// PUT /api/notes/note?path= → {note}. 409 `note_conflict` {error, note} where it is another version by now: `note` is
// that one, null where it was deleted; `error.params.version` is its version, '' where it was deleted.
export const putNoteSchema = v.object({
  text,
  /** The version the text was written on; null: there is none yet. */
  version: v.nullable(sha256Schema),
})
export type PutNote = v.InferOutput<typeof putNoteSchema>
export const noteConflictSchema = v.object({ note: v.nullable(noteSchema) })

// DELETE /api/notes/note?path=&version= → {trashed}; `version` may be left out.
export const deleteNoteQuerySchema = v.object({
  path: notePathSchema,
  version: v.optional(sha256Schema),
})

// POST /api/notes/move → {note, updated}. Links to it in other notes are rewritten; `updated` are their paths.
export const moveNoteSchema = v.object({ from: notePathSchema, to: notePathSchema })
export const movedNoteSchema = v.object({ note: noteSchema, updated: v.array(v.string()) })

// POST /api/notes/folders {path} → 201 {path} · POST /api/notes/folders/move {from, to} → {moved, updated}
// DELETE /api/notes/folders?path= → {trashed}
export const createFolderSchema = v.object({ path: folderPathSchema })
export const moveFolderSchema = v.object({ from: folderPathSchema, to: folderPathSchema })
export const movedFolderSchema = v.object({
  /** Notes moved with it. */
  moved: count,
  updated: v.array(v.string()),
})
export const folderQuerySchema = v.object({ path: folderPathSchema })

export const trashedSchema = v.object({
  id: idSchema,
  /** Where it was, a note or a folder. */
  path: v.string(),
  kind: v.picklist(['note', 'folder']),
  /** Notes in it. */
  notes: count,
  /** Ms since 1970. */
  deletedAt: v.number(),
})
export type Trashed = v.InferOutput<typeof trashedSchema>
// GET /api/notes/trash → newest first; kept for 30 days
export const trashListSchema = v.object({ trashed: v.array(trashedSchema) })
export const trashedResponseSchema = v.object({ trashed: trashedSchema })
// POST /api/notes/trash/:id/restore → {path}: where it is again (numbered where the place is taken)
export const restoredSchema = v.object({ path: v.string() })
// DELETE /api/notes/trash/:id → 204, for good · DELETE /api/notes/trash → 204, all of it

export const noteConflictEntrySchema = v.object({
  /** The copy. */
  path: v.string(),
  /** The note it is a copy of; null where that is gone. */
  of: v.nullable(v.string()),
  title: v.string(),
  modifiedAt: v.number(),
  /** Short id of the device that wrote it, as sync names it. */
  device: v.string(),
  version: sha256Schema,
})
export type NoteConflict = v.InferOutput<typeof noteConflictEntrySchema>
// GET /api/notes/conflicts → newest first; read a copy with GET /api/notes/note
export const noteConflictListSchema = v.object({ conflicts: v.array(noteConflictEntrySchema) })
// POST /api/notes/conflicts/resolve → {note}: the note as it is now. What is not kept goes to the trash.
export const resolveConflictSchema = v.object({
  /** The copy. */
  path: notePathSchema,
  /** `both`: the copy becomes a note of its own. `text`: what the person put together from both. */
  keep: v.variant('kind', [
    v.object({ kind: v.picklist(['note', 'copy', 'both']) }),
    v.object({ kind: v.literal('text'), text, version: v.nullable(sha256Schema) }),
  ]),
})
export type ResolveConflict = v.InferOutput<typeof resolveConflictSchema>

// POST /api/clips → 201 {note}. The page as the browser has it; nothing is fetched by the companion.
export const maxClipBytes = 8 * 1024 * 1024
export const clipSchema = v.object({
  /** http or https. */
  url: v.pipe(v.string(), v.maxLength(4096), v.check(isWebAddress, 'a web address')),
  title: v.optional(v.pipe(v.string(), v.maxLength(500))),
  /** HTML; or `text`, where only that is there. */
  html: v.optional(v.pipe(v.string(), v.maxLength(maxClipBytes))),
  text: v.optional(v.pipe(v.string(), v.maxLength(maxNoteBytes))),
})
export type Clip = v.InferOutput<typeof clipSchema>

function isWebAddress(value: string): boolean {
  const url = URL.parse(value)
  return url !== null && (url.protocol === 'https:' || url.protocol === 'http:')
}
