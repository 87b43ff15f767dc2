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
  /** Bytes free where models are stored. */
  diskFree: v.number(),
})
export type Hardware = v.InferOutput<typeof hardwareSchema>
