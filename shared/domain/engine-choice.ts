import * as v from 'valibot'

/** Engines that run model files. */
export const engineIdSchema = v.picklist([
  'llama-cpp',
  'llama-server',
  'mlx',
  'openvino',
  'inferflow',
])
export type EngineId = v.InferOutput<typeof engineIdSchema>

export const engineReasonSchema = v.picklist([
  /** It computes on the GPU. */
  'gpu',
  /** It computes on the NPU. */
  'npu',
  /** It computes on the processor, where nothing else could. */
  'cpu',
  /** It would compute on the processor, while another engine uses the GPU. */
  'gpu-unused',
  /** It computes as well as the best one. */
  'second',
  /** It works here, more slowly than the others. */
  'slower',
  'not-installed',
  /** There is no build of it for this machine. */
  'no-build',
  /** It is there and does not start. */
  'broken',
])
export type EngineReason = v.InferOutput<typeof engineReasonSchema>

export const engineChoiceSchema = v.object({
  engine: engineIdSchema,
  /** Can it be used now? */
  usable: v.boolean(),
  reason: engineReasonSchema,
  /** What it would compute on. */
  backend: v.picklist(['cuda', 'metal', 'vulkan', 'intel', 'npu', 'cpu']),
})
export type EngineChoice = v.InferOutput<typeof engineChoiceSchema>
