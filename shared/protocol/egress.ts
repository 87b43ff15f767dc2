import * as v from 'valibot'
import { idSchema } from '#shared/domain/ids.ts'

/**
 * What a connection is for. `download`: a model or package. `push`: a notification, by a browser maker's service.
 * `search` and `fetch`: the agent's web tools. `mcp`: an MCP server. `peer`: another device of ours.
 * `program`: a program was started that no wall keeps from the network. `unknown`: nothing said what for.
 */
export const egressKindSchema = v.picklist([
  'download',
  'push',
  'search',
  'fetch',
  'mcp',
  'peer',
  'program',
  'unknown',
])
export type EgressKind = v.InferOutput<typeof egressKindSchema>

/** `self`: this computer, `house`: the local network. */
export const egressPlaceSchema = v.picklist(['self', 'house', 'outside'])

/** One thing that left this house, or was asked of a machine outside it. Written before it leaves. */
export const egressEntrySchema = v.object({
  id: v.number(),
  /** Ms since 1970. */
  at: v.number(),
  kind: egressKindSchema,
  host: v.string(),
  place: egressPlaceSchema,
  /** Refused: nothing left, the attempt alone is noted. */
  refused: v.boolean(),
  /** Connections made for it. */
  connections: v.number(),
  /** Bytes within the connections, without what encryption adds. They grow while a connection is open. */
  sent: v.number(),
  received: v.number(),
  /** What it was for: a model's name, or what kind of news. Never content. */
  purpose: v.string(),
  /** The device it was for, where there is one. */
  device: v.optional(v.string()),
  runId: v.optional(idSchema),
})
export type EgressEntry = v.InferOutput<typeof egressEntrySchema>

// GET /api/egress?before=ID&limit=N&place=…&host=…&run=ID&refused=0|1 → newest first. Owner only.
export const egressListSchema = v.object({
  entries: v.array(egressEntrySchema),
  total: v.number(),
})

/** Connections with one host, summed. */
export const egressSumSchema = v.object({
  host: v.string(),
  /** A paired device's name, where the address is known as its. */
  name: v.optional(v.string()),
  connections: v.number(),
  sent: v.number(),
  received: v.number(),
  /** Ms since 1970. */
  lastAt: v.number(),
})
export type EgressSum = v.InferOutput<typeof egressSumSchema>

// GET /api/egress/sums. Owner only.
export const egressSumsSchema = v.object({
  outside: v.array(egressSumSchema),
  /** Of devices in the local network: never row by row. */
  house: v.array(egressSumSchema),
  /** Attempts that were refused. */
  refused: v.number(),
})
export type EgressSums = v.InferOutput<typeof egressSumsSchema>
