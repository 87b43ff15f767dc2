import * as v from 'valibot'
import { peerIdSchema } from './device.ts'
import { idSchema } from './ids.ts'

/**
 * What a grant allows on a collection; each level holds those before it. `read`: ask, and open what is cited.
 * `write`: add documents of its own. `share`: give others what one has. `admin`: name, grants, deletion.
 */
export const accessLevels = ['read', 'write', 'share', 'admin'] as const
export const accessLevelSchema = v.picklist(accessLevels)
export type AccessLevel = v.InferOutput<typeof accessLevelSchema>

/** Who a grant is for: a device (its key), a group, or every device paired as `member`. */
export const subjectSchema = v.variant('kind', [
  v.object({ kind: v.literal('device'), id: peerIdSchema }),
  v.object({ kind: v.literal('group'), id: idSchema }),
  v.object({ kind: v.literal('members') }),
])
export type Subject = v.InferOutput<typeof subjectSchema>

export const grantSchema = v.object({
  subject: subjectSchema,
  level: accessLevelSchema,
  /** Whether it may keep a copy; without, it asks live and only while the holder is there. */
  copy: v.boolean(),
})
export type Grant = v.InferOutput<typeof grantSchema>

/** What one device may do with one collection after all grants are counted. */
export const accessSchema = v.object({ level: accessLevelSchema, copy: v.boolean() })
export type Access = v.InferOutput<typeof accessSchema>

export const groupSchema = v.object({
  id: idSchema,
  name: v.pipe(v.string(), v.trim(), v.minLength(1), v.maxLength(60)),
  members: v.array(peerIdSchema),
})
export type Group = v.InferOutput<typeof groupSchema>

/**
 * Who may do what with a collection. Written and signed by the collection's home device alone; every device that
 * holds a part of the collection enforces the newest version it has seen. Travels with the collection.
 */
export const collectionPolicySchema = v.object({
  collectionId: idSchema,
  name: v.string(),
  /** The device whose key signs. */
  home: peerIdSchema,
  /** Counts up; a lower one never replaces a higher one. */
  version: v.pipe(v.number(), v.integer(), v.minValue(1)),
  grants: v.array(grantSchema),
  /** The groups that `grants` name, as they were when this was signed. */
  groups: v.array(groupSchema),
  /** Devices that count as `members`, as they were when this was signed. */
  members: v.array(peerIdSchema),
  /** Devices that are owners at the home: they may do everything, whatever the grants. */
  owners: v.optional(v.array(peerIdSchema)),
  /** True once the collection is deleted: holders drop their copies. */
  removed: v.boolean(),
  /** Ms since 1970. */
  signedAt: v.number(),
})
export type CollectionPolicy = v.InferOutput<typeof collectionPolicySchema>

/** Ed25519 signature, base64url, over the canonical JSON of `policy`. */
export const signedPolicySchema = v.object({
  policy: collectionPolicySchema,
  signature: v.string(),
})
export type SignedPolicy = v.InferOutput<typeof signedPolicySchema>

/** One line of the audit log: who did what over whose data. Kept locally; prompts and passages are not in it. */
export const auditEntrySchema = v.object({
  seq: v.number(),
  /** Ms since 1970. */
  at: v.number(),
  /** Absent for the owner at this computer. */
  deviceId: v.optional(v.string()),
  deviceName: v.string(),
  action: v.picklist(['search', 'open', 'copy', 'sync', 'write', 'grant', 'remove']),
  collectionIds: v.array(v.string()),
  allowed: v.boolean(),
  /** Passages, documents or bytes, as the action has it. */
  count: v.optional(v.number()),
  /** The question, shortened; only kept on the device whose data was asked. */
  detail: v.optional(v.string()),
})
export type AuditEntry = v.InferOutput<typeof auditEntrySchema>
