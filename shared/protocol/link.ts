import * as v from 'valibot'
import {
  addressSchema,
  companionAddressSchema,
  deviceNameSchema,
  pairedDeviceSchema,
  peerIdSchema,
  roleSchema,
  transportKindSchema,
} from '#shared/domain/device.ts'
import { idSchema } from '#shared/domain/ids.ts'

// GET /api/link → how this companion can be reached now, and as whom the caller comes. For every paired device.
export const linkInfoSchema = v.object({
  companion: companionAddressSchema,
  /** `off` until the first pairing; `failed` when no port could be opened. */
  state: v.picklist(['off', 'starting', 'on', 'failed']),
  /** The caller's own entry; null for the owner at the companion's own address. */
  self: v.nullable(pairedDeviceSchema),
  road: transportKindSchema,
  role: roleSchema,
  /** The app over LAN HTTPS, where that is on, e.g. `https://192.168.1.5:7451`. */
  appUrls: v.array(v.string()),
})
export type LinkInfo = v.InferOutput<typeof linkInfoSchema>

// POST /api/pairings → 201 {pairing, link}; a new invitation ends the former. Owner only, as all below.
export const createPairingSchema = v.object({
  id: idSchema,
  role: v.optional(roleSchema, 'owner'),
})
/** A device that asks to be let in by code, waiting for a person to compare and answer. */
export const pairingRequestSchema = v.object({
  deviceId: peerIdSchema,
  name: deviceNameSchema,
  platform: v.optional(v.string()),
  /** Six digits, shown on both screens. */
  code: v.pipe(v.string(), v.regex(/^\d{6}$/)),
})
export const pairingSchema = v.object({
  id: idSchema,
  role: roleSchema,
  expiresAt: v.number(),
  state: v.picklist(['open', 'paired', 'expired', 'refused', 'cancelled']),
  /** The device that was let in. */
  device: v.optional(pairedDeviceSchema),
  request: v.optional(pairingRequestSchema),
  /** What a device without a camera is given beside the code, e.g. `192.168.1.5:7452`. */
  shortAddresses: v.array(v.string()),
})
export type Pairing = v.InferOutput<typeof pairingSchema>
export const pairingCreatedSchema = v.object({ pairing: pairingSchema, link: v.string() })
// GET /api/pairings/:id → {pairing} · DELETE /api/pairings/:id → 204 (cancelled)
export const pairingResponseSchema = v.object({ pairing: pairingSchema })
// POST /api/pairings/:id/answer → {pairing}: what the person said to `pairing.request`
export const answerPairingSchema = v.object({ deviceId: peerIdSchema, allow: v.boolean() })

// GET /api/devices · PATCH /api/devices/:id → {device} · DELETE /api/devices/:id → 204 (shut out at once)
export const deviceListSchema = v.object({ devices: v.array(pairedDeviceSchema) })
export const deviceResponseSchema = v.object({ device: pairedDeviceSchema })
export const patchDeviceSchema = v.object({
  name: v.optional(deviceNameSchema),
  role: v.optional(roleSchema),
})

// GET /api/peers → companions seen on this network or pinned. For every paired device.
export const peerSchema = v.object({
  ...companionAddressSchema.entries,
  paired: v.boolean(),
  pinned: v.boolean(),
  connected: v.boolean(),
  seenAt: v.optional(v.number()),
})
export type Peer = v.InferOutput<typeof peerSchema>
export const peerListSchema = v.object({ peers: v.array(peerSchema) })
// POST /api/peers {address} → {peer}: dials an address and keeps it · DELETE /api/peers/:id → 204. Owner only.
export const pinPeerSchema = v.object({ address: addressSchema })
export const peerResponseSchema = v.object({ peer: peerSchema })
