import * as v from 'valibot'
import { idSchema } from './ids.ts'

/** What a tool needs leave for. */
export const capabilitySchema = v.picklist([
  'files.read',
  'files.write',
  'exec.python',
  'exec.shell',
  'net.search',
  'net.fetch',
  'vault.search',
  'notes.write',
  'artifacts.write',
  'mcp.call',
])
export type Capability = v.InferOutput<typeof capabilitySchema>

/** How long a leave holds: for one call, for the task, or until it is taken back. */
export const grantScopeSchema = v.picklist(['once', 'task', 'always'])
export type GrantScope = v.InferOutput<typeof grantScopeSchema>

/** A leave that was given. `always` grants are shown in the settings and can be taken back there. */
export const grantSchema = v.object({
  id: idSchema,
  capability: capabilitySchema,
  /** Canonical absolute path, for what concerns files: it and everything below it. An MCP tool: `server/tool`. Else empty. */
  resource: v.string(),
  scope: grantScopeSchema,
  /** The task it is for; absent for `always`. */
  taskId: v.optional(idSchema),
  /** Who gave it: `self` or a device id. */
  givenBy: v.string(),
  givenAt: v.number(),
})
export type Grant = v.InferOutput<typeof grantSchema>

/** The physical switches: off by default, and off again when their time is over. */
export const switchNameSchema = v.picklist(['web', 'exec'])
export type SwitchName = v.InferOutput<typeof switchNameSchema>

export const switchStateSchema = v.object({
  name: switchNameSchema,
  on: v.boolean(),
  /** Ms since 1970; absent while it is off. */
  until: v.optional(v.number()),
})
export type SwitchState = v.InferOutput<typeof switchStateSchema>
