import * as v from 'valibot'
import { peerIdSchema, roleSchema } from '#shared/domain/device.ts'
import { idSchema } from '#shared/domain/ids.ts'
import { accessSchema, auditEntrySchema, grantSchema, groupSchema, signedPolicySchema, subjectSchema } from '#shared/domain/sharing.ts' // prettier-ignore

export const maxGrants = 200
export const maxGroupMembers = 200

/** A device that can be named in a grant, or has something by one. */
export const sharingDeviceSchema = v.object({
  id: peerIdSchema,
  /** As the book of the answering companion has it; absent for a device it has never met. */
  name: v.optional(v.string()),
  role: v.optional(roleSchema),
  kind: v.optional(v.picklist(['browser', 'companion'])),
})
export type SharingDevice = v.InferOutput<typeof sharingDeviceSchema>

/** What a device may do after all is counted, and by which grants. */
export const effectiveSchema = v.object({
  device: sharingDeviceSchema,
  access: accessSchema,
  /** `owner`: by its role, whatever the grants. */
  by: v.array(v.union([v.literal('owner'), subjectSchema])),
})
export type Effective = v.InferOutput<typeof effectiveSchema>

// GET /api/collections/:id/sharing → {sharing}: for who may share it.
export const sharingSchema = v.object({
  collectionId: idSchema,
  name: v.string(),
  home: peerIdSchema,
  homeName: v.optional(v.string()),
  /** True where this companion is the home. */
  own: v.boolean(),
  version: v.number(),
  grants: v.array(grantSchema),
  /** Groups that can be named: those of the home. */
  groups: v.array(groupSchema),
  devices: v.array(sharingDeviceSchema),
  effective: v.array(effectiveSchema),
  /** What the caller may do. */
  mine: accessSchema,
  signed: signedPolicySchema,
})
export type Sharing = v.InferOutput<typeof sharingSchema>
export const sharingResponseSchema = v.object({ sharing: sharingSchema })

// PUT /api/collections/:id/sharing {version, grants} → {sharing}. `version` is the one that was changed: 409 when it is
// not the newest. Who may share adds grants up to its own level; only who administers takes away. At a companion that
// is not the home it is passed on to the home, which signs.
export const putSharingSchema = v.object({
  version: v.pipe(v.number(), v.integer(), v.minValue(1)),
  grants: v.pipe(v.array(grantSchema), v.maxLength(maxGrants)),
})
export type PutSharing = v.InferOutput<typeof putSharingSchema>

// GET /api/groups → {groups} · POST /api/groups → 201 {group} (idempotent by id) · PATCH /api/groups/:id → {group} ·
// DELETE → 204: takes its grants away. Owners only.
export const groupListSchema = v.object({ groups: v.array(groupSchema) })
export const groupResponseSchema = v.object({ group: groupSchema })
export const createGroupSchema = v.object({
  id: idSchema,
  name: groupSchema.entries.name,
  members: v.optional(v.pipe(v.array(peerIdSchema), v.maxLength(maxGroupMembers)), []),
})
export const patchGroupSchema = v.object({
  name: v.optional(groupSchema.entries.name),
  members: v.optional(v.pipe(v.array(peerIdSchema), v.maxLength(maxGroupMembers))),
})

// GET /api/audit?device=&collection=&action=&allowed=&since=&until=&before=&limit= → newest first. Owners only.
export const auditActions = ['search', 'open', 'copy', 'sync', 'write', 'grant', 'remove'] as const
const whole = v.pipe(v.string(), v.regex(/^\d{1,16}$/), v.transform(Number))
export const auditQuerySchema = v.object({
  /** A device id, or `self` for the person at this computer. */
  device: v.optional(v.pipe(v.string(), v.minLength(1), v.maxLength(128))),
  collection: v.optional(idSchema),
  action: v.optional(v.picklist(auditActions)),
  allowed: v.optional(
    v.pipe(
      v.picklist(['1', '0']),
      v.transform((text) => text === '1'),
    ),
  ),
  /** Ms since 1970: from, inclusive; to, exclusive. */
  since: v.optional(whole),
  until: v.optional(whole),
  /** Only lines older than this `seq`: the way to the next page. */
  before: v.optional(whole),
  limit: v.optional(v.pipe(whole, v.minValue(1), v.maxValue(500)), '100'),
})
export type AuditQuery = v.InferOutput<typeof auditQuerySchema>
export const auditListSchema = v.object({
  entries: v.array(auditEntrySchema),
  /** Ask again with this as `before`; absent when there is no more. */
  next: v.optional(v.number()),
  /** Devices and collections that lines name, for the filters. */
  devices: v.array(v.object({ id: v.string(), name: v.string() })),
  /** Names of collections that still are known. */
  collections: v.array(v.object({ id: v.string(), name: v.string() })),
})
export type AuditList = v.InferOutput<typeof auditListSchema>
