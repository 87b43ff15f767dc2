import * as v from 'valibot'
import { addressSchema, deviceNameSchema, pairedDeviceSchema, peerIdSchema, roleSchema } from '#shared/domain/device.ts' // prettier-ignore
import { idSchema } from '#shared/domain/ids.ts'
import { accessSchema, signedPolicySchema } from '#shared/domain/sharing.ts'
import { wireErrorSchema } from '#shared/errors/silo-error.ts'

// POST /api/joins {id, link | address, role} → 202 {join}: this companion asks another one to let it in, by its pairing
// link or by a code that a person compares over there. GET /api/joins/:id → {join} · DELETE → 204. Owners only, as all
// of /api/joins. The other companion decides as what this one comes in; `role` is what it will be here.
export const createJoinSchema = v.object({
  id: idSchema,
  role: v.optional(roleSchema, 'guest'),
  target: v.variant('by', [
    v.object({ by: v.literal('link'), link: v.pipe(v.string(), v.maxLength(4096)) }),
    /** `192.168.1.5:7452` as the other companion shows it, or a multiaddr. */
    v.object({
      by: v.literal('code'),
      address: v.pipe(v.string(), v.minLength(1), v.maxLength(512)),
    }),
    /** One that was seen on this network. */
    v.object({ by: v.literal('peer'), peerId: peerIdSchema }),
  ]),
})
export type CreateJoin = v.InferOutput<typeof createJoinSchema>
export const joinSchema = v.object({
  id: idSchema,
  role: roleSchema,
  state: v.picklist(['dialling', 'comparing', 'joined', 'failed', 'cancelled']),
  /** Six digits to compare, while `comparing`. */
  code: v.optional(v.pipe(v.string(), v.regex(/^\d{6}$/))),
  /** The other companion as it is in the book here, once `joined`. */
  device: v.optional(pairedDeviceSchema),
  /** What this companion may do there, once `joined`. */
  as: v.optional(roleSchema),
  error: v.optional(wireErrorSchema),
})
export type Join = v.InferOutput<typeof joinSchema>
export const joinResponseSchema = v.object({ join: joinSchema })

// GET /api/team → the companions this one is paired with, and what each lets the other read. Owners only.
export const teamCompanionSchema = v.object({
  id: peerIdSchema,
  name: deviceNameSchema,
  /** What it may do here. */
  role: roleSchema,
  /** `refused`: it no longer lets this companion in. */
  state: v.picklist(['connected', 'connecting', 'away', 'refused']),
  /** Ms since 1970 when it came, or was last there. */
  since: v.optional(v.number()),
  address: v.optional(addressSchema),
  /** Collections it lets this companion read. */
  theirs: v.array(idSchema),
  /** Collections of this companion that it may read. */
  ours: v.array(idSchema),
})
export type TeamCompanion = v.InferOutput<typeof teamCompanionSchema>
export const teamSchema = v.object({ companions: v.array(teamCompanionSchema) })

// PUT /api/team/collections/:id {keepCopy} → 204: whether the others' part of it is kept here. Owners only.
export const keepCopySchema = v.object({ keepCopy: v.boolean() })

/** A dataset that the sender of an offer has, its own or a copy. */
export const heldDatasetSchema = v.object({
  deviceId: peerIdSchema,
  name: deviceNameSchema,
  documents: v.pipe(v.number(), v.integer(), v.minValue(0)),
  chunks: v.pipe(v.number(), v.integer(), v.minValue(0)),
})
export type HeldDataset = v.InferOutput<typeof heldDatasetSchema>

/** A collection that the receiver may read at the sender. */
export const offerSchema = v.object({
  signed: signedPolicySchema,
  /** What the receiver may do with it, as the sender counts the grants. */
  access: accessSchema,
  datasets: v.pipe(v.array(heldDatasetSchema), v.maxLength(500)),
})
export type Offer = v.InferOutput<typeof offerSchema>

// POST /api/team/offers {offers, withdrawn} → 204: between companions, on connecting and after every change. Each side says
// all that the other may read with it; `withdrawn` are policies by which the receiver may no longer read what it could.
export const offersSchema = v.object({
  offers: v.pipe(v.array(offerSchema), v.maxLength(1000)),
  withdrawn: v.pipe(v.array(signedPolicySchema), v.maxLength(1000)),
})
export type Offers = v.InferOutput<typeof offersSchema>
