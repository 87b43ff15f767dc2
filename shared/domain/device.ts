import * as v from 'valibot'

export const gpuSchema = v.object({
  vendor: v.picklist(['nvidia', 'amd', 'intel', 'apple', 'other']),
  name: v.string(),
  /** Bytes; 0 where it is shared with the CPU or unknown. */
  memory: v.number(),
})

export const hardwareSchema = v.object({
  os: v.string(),
  arch: v.string(),
  cpu: v.string(),
  /** Cores the engine may use. */
  cores: v.number(),
  /** Bytes. */
  memory: v.number(),
  memoryFree: v.number(),
  gpus: v.array(gpuSchema),
  /** A processor for neural networks that has a driver. */
  npu: v.optional(v.boolean()),
  /** Bytes free where models are stored. */
  diskFree: v.number(),
})
export type Hardware = v.InferOutput<typeof hardwareSchema>

/** A device is its Ed25519 key; this is the libp2p peer id of it, in base58 (`12D3KooW…`). */
export const peerIdSchema = v.pipe(v.string(), v.regex(/^12D3KooW[1-9A-HJ-NP-Za-km-z]{44}$/))

/** Where a device can be dialled: a multiaddr as text, `/p2p/…` optional. Only libp2p reads its parts. */
export const addressSchema = v.pipe(v.string(), v.maxLength(512), v.regex(/^\/[a-z0-9-]+\/\S+$/))

/**
 * What a paired device may do. `owner`: everything. `member`: chat, and what is granted to members. `guest`: chat, and
 * what is granted to it. Grants are made collection by collection (domain/sharing.ts).
 * Owners share one set of conversations; a member's or guest's are its own.
 */
export const roleSchema = v.picklist(['owner', 'member', 'guest'])
export type Role = v.InferOutput<typeof roleSchema>

/** How a request reaches the companion. `loopback` is HTTP from the same origin. */
export const transportKindSchema = v.picklist(['loopback', 'webrtc', 'websocket', 'tcp'])
export type TransportKind = v.InferOutput<typeof transportKindSchema>

export const deviceNameSchema = v.pipe(v.string(), v.trim(), v.minLength(1), v.maxLength(60))
export const deviceKindSchema = v.picklist(['browser', 'companion'])

/** An entry of the paired-device book. */
export const pairedDeviceSchema = v.object({
  id: peerIdSchema,
  name: deviceNameSchema,
  kind: deviceKindSchema,
  role: roleSchema,
  /** What the device says it is, e.g. `Android · Chrome`; shown, never relied on. */
  platform: v.optional(v.string()),
  pairedAt: v.number(),
  lastSeenAt: v.optional(v.number()),
  /** The road it last came by. */
  lastRoad: v.optional(transportKindSchema),
  connected: v.boolean(),
})
export type PairedDevice = v.InferOutput<typeof pairedDeviceSchema>

/** A companion as a client knows it: enough to find it again without pairing anew. */
export const companionAddressSchema = v.object({
  id: peerIdSchema,
  name: v.string(),
  /** Best first. */
  addresses: v.array(addressSchema),
})
export type CompanionAddress = v.InferOutput<typeof companionAddressSchema>
