import * as v from 'valibot'

/** What a sidecar runs. */
export const sidecarCommandSchema = v.object({
  command: v.string(),
  args: v.array(v.string()),
  /** The whole environment of the program. */
  env: v.record(v.string(), v.string()),
  cwd: v.optional(v.string()),
})
export type SidecarCommand = v.InferOutput<typeof sidecarCommandSchema>
