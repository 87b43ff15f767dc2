import * as v from 'valibot'
import { idSchema, sha256Schema } from '#shared/domain/ids.ts'

/** Bytes one part may have. A slow link sends smaller ones. */
export const maxPartBytes = 8 * 1024 * 1024

const byteCount = v.pipe(v.number(), v.safeInteger(), v.minValue(0))

// POST /api/uploads → 201 {upload}. The same id and body again answers how far it is; another body is a conflict.
export const createUploadSchema = v.object({
  id: idSchema,
  /** The file's name on the device; only its last part is used, made safe. */
  name: v.pipe(v.string(), v.minLength(1), v.maxLength(4096)),
  size: byteCount,
  /** Checked when all has arrived. */
  sha256: v.optional(sha256Schema),
  /** Where it is read into. */
  collectionId: idSchema,
})
export type CreateUpload = v.InferOutput<typeof createUploadSchema>

export const uploadSchema = v.object({
  id: idSchema,
  collectionId: idSchema,
  /** Under which it is kept. */
  name: v.string(),
  size: byteCount,
  /** Bytes on disk: where the next part begins. */
  received: byteCount,
  state: v.picklist(['open', 'complete']),
  /** False where its kind cannot be read: it is stored, and not searchable yet. */
  readable: v.boolean(),
  /** The ingest that reads or read it. */
  runId: v.optional(idSchema),
  createdAt: v.number(),
  /** When an unfinished upload is thrown away; each part puts it off. */
  expiresAt: v.optional(v.number()),
})
export type Upload = v.InferOutput<typeof uploadSchema>

// GET /api/uploads/:id → {upload}
// PATCH /api/uploads/:id?offset=N, the body is the part → {upload}; `conflict` where N is not `received`
// POST /api/uploads/:id/complete → {upload}; checks, stores and reads it. Again: the same answer.
// DELETE /api/uploads/:id → 204; drops an unfinished one. A complete one stays.
export const uploadResponseSchema = v.object({ upload: uploadSchema })
// GET /api/uploads → the caller's, newest first
export const uploadListSchema = v.object({ uploads: v.array(uploadSchema) })
