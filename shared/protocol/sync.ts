import * as v from 'valibot'
import { syncthingIdSchema } from '#shared/domain/syncthing-id.ts'
import { peerIdSchema } from '#shared/domain/device.ts'

/**
 * Folders kept alike on several devices. A device is another companion (its peer id) or one that runs Syncthing (its
 * device id). Owners only.
 */
export const syncDeviceIdSchema = v.union([syncthingIdSchema, peerIdSchema])

/** `notes`: the notes of this companion; `files`: any folder; `index`: what the vault knows of a collection. */
export const syncKinds = ['notes', 'files', 'index'] as const
export const syncTypes = ['sendreceive', 'sendonly', 'receiveonly'] as const
export const syncKindSchema = v.picklist(syncKinds)
export const syncTypeSchema = v.picklist(syncTypes)
export type SyncKind = v.InferOutput<typeof syncKindSchema>
export type SyncType = v.InferOutput<typeof syncTypeSchema>

/** As on the wire: all devices that share a folder call it so. */
export const syncFolderIdSchema = v.pipe(
  v.string(),
  v.trim(),
  v.minLength(1),
  v.maxLength(64),
  v.regex(/^[\p{L}\p{N}][\p{L}\p{N}._-]*$/u, 'letters, digits, dots, dashes'),
  v.check((id) => !id.startsWith('index.'), 'kept for what the vault knows'),
)

const label = v.pipe(v.string(), v.trim(), v.maxLength(100))
const name = v.pipe(v.string(), v.trim(), v.minLength(1), v.maxLength(100))
const devices = v.pipe(v.array(syncDeviceIdSchema), v.maxLength(200))

/** `dynamic` (found in the local network), or where it is: `tcp://HOST:PORT`; the port is 22000 unless told. */
export const syncAddressSchema = v.pipe(
  v.string(),
  v.trim(),
  v.maxLength(300),
  v.regex(
    /^(dynamic|(tcp[46]?:\/\/)?(\[[0-9a-fA-F:.%\w]+\]|[\p{L}\p{N}._-]+)(:\d{1,5})?\/?)$/u,
    'dynamic, or tcp://HOST:PORT',
  ),
)
const addresses = v.pipe(v.array(syncAddressSchema), v.minLength(1), v.maxLength(20))

export const syncProblemSchema = v.object({ name: v.string(), code: v.string(), at: v.number() })
export type SyncProblem = v.InferOutput<typeof syncProblemSchema>

export const syncFolderSchema = v.object({
  id: v.string(),
  label: v.string(),
  path: v.string(),
  kind: syncKindSchema,
  type: syncTypeSchema,
  paused: v.boolean(),
  /** With whom it is shared; who has it as well is in `peers`. */
  devices: v.array(v.string()),
  condition: v.picklist(['starting', 'scanning', 'syncing', 'idle', 'paused', 'error']),
  /** Why `condition` is `error`: a code of the registry. */
  error: v.optional(v.string()),
  files: v.number(),
  bytes: v.number(),
  /** What others have and this device lacks. */
  needFiles: v.number(),
  needBytes: v.number(),
  /** Bytes of it that are here already. */
  doneBytes: v.number(),
  /** How much of what it should be is here, 0–100. */
  percent: v.number(),
  /** Receive-only: files changed here that nobody takes. */
  changedHere: v.number(),
  /** Ms since 1970 when nothing was lacking last, with somebody there to compare with. */
  syncedAt: v.optional(v.number()),
  scannedAt: v.optional(v.number()),
  problems: v.array(syncProblemSchema),
  problemCount: v.number(),
  peers: v.array(
    v.object({
      deviceId: v.string(),
      attached: v.boolean(),
      /** What it still lacks, as far as it has told. */
      needFiles: v.number(),
      needBytes: v.number(),
    }),
  ),
})
export type SyncFolder = v.InferOutput<typeof syncFolderSchema>

export const syncDeviceSchema = v.object({
  id: v.string(),
  kind: v.picklist(['syncthing', 'silo']),
  name: v.string(),
  /** Of Syncthing devices; companions are found by the link. */
  addresses: v.array(v.string()),
  paused: v.boolean(),
  state: v.picklist(['connected', 'connecting', 'away', 'paused']),
  /** Why it could not be reached last: a code of the registry. */
  error: v.optional(v.string()),
  /** What runs there, e.g. `syncthing v1.29.5`. */
  client: v.optional(v.string()),
  address: v.optional(v.string()),
  lastSeenAt: v.optional(v.number()),
  /** Bytes over the connection that stands. */
  received: v.number(),
  sent: v.number(),
})
export type SyncDevice = v.InferOutput<typeof syncDeviceSchema>

export const syncSchema = v.object({
  /** This device as Syncthing knows it. */
  deviceId: v.string(),
  name: v.string(),
  /** Where Syncthing devices may come; absent while there are none. */
  port: v.optional(v.number()),
  /** Why the port could not be opened: a code of the registry. */
  listenError: v.optional(v.string()),
  devices: v.array(syncDeviceSchema),
  folders: v.array(syncFolderSchema),
  /** Folders that devices share with this one and that it does not have. */
  offers: v.array(
    v.object({ folderId: v.string(), label: v.string(), deviceId: v.string(), at: v.number() }),
  ),
  /** Devices that came and are not known. */
  strangers: v.array(
    v.object({ deviceId: v.string(), name: v.string(), address: v.string(), at: v.number() }),
  ),
})
export type SyncState = v.InferOutput<typeof syncSchema>

// GET /api/sync → {sync}. All that follow answer with the same.
export const syncResponseSchema = v.object({ sync: syncSchema })

// POST /api/sync/devices: one that runs Syncthing.
export const addSyncDeviceSchema = v.object({ id: syncthingIdSchema, name, addresses })
export type AddSyncDevice = v.InferOutput<typeof addSyncDeviceSchema>
// PATCH, DELETE /api/sync/devices/:id
export const patchSyncDeviceSchema = v.object({
  name: v.optional(name),
  addresses: v.optional(addresses),
  paused: v.optional(v.boolean()),
})
export type PatchSyncDevice = v.InferOutput<typeof patchSyncDeviceSchema>

// POST /api/sync/folders. `path` is left out for the notes, which are where they are.
export const addSyncFolderSchema = v.object({
  id: syncFolderIdSchema,
  label,
  kind: v.picklist(['notes', 'files']),
  path: v.optional(v.pipe(v.string(), v.minLength(1), v.maxLength(4096))),
  type: syncTypeSchema,
  devices,
})
export type AddSyncFolder = v.InferOutput<typeof addSyncFolderSchema>
// PATCH, DELETE /api/sync/folders/:id; the files stay where they are.
export const patchSyncFolderSchema = v.object({
  label: v.optional(label),
  type: v.optional(syncTypeSchema),
  devices: v.optional(devices),
  paused: v.optional(v.boolean()),
})
export type PatchSyncFolder = v.InferOutput<typeof patchSyncFolderSchema>

// POST /api/sync/folders/:id/rescan · override (send-only: what is here counts) · revert (receive-only: what others have)
export const syncActions = ['rescan', 'override', 'revert'] as const
export const syncActionSchema = v.picklist(syncActions)
export type SyncAction = v.InferOutput<typeof syncActionSchema>

// GET, PUT /api/sync/folders/:id/ignores → {lines}: the lines of its .stignore
export const syncIgnoresSchema = v.object({
  lines: v.pipe(v.array(v.pipe(v.string(), v.maxLength(1000))), v.maxLength(2000)),
})
