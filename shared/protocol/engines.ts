import * as v from 'valibot'
import { engineChoiceSchema, engineIdSchema } from '#shared/domain/engine-choice.ts'
import { idSchema } from '#shared/domain/ids.ts'
import { wireErrorSchema } from '#shared/errors/silo-error.ts'

// GET /api/engines · POST /api/engines/look: asks the usual addresses of this computer again
export const enginesSchema = v.object({
  /** Best first; what cannot be used is last. */
  choices: v.array(engineChoiceSchema),
  /** The one that is taken first: the person's choice, where it can be used, else the best. */
  current: v.nullable(engineIdSchema),
  /** Model files that the current one could not load, and what did. Since the start. */
  fallbacks: v.array(
    v.object({ model: v.string(), from: v.string(), to: v.string(), error: wireErrorSchema }),
  ),
  /** Servers that run on this computer already. */
  servers: v.array(v.object({ name: v.string(), url: v.string(), models: v.array(v.string()) })),
  /** What is being installed, and the run that does it. */
  installing: v.optional(v.object({ engine: engineIdSchema, runId: v.string() })),
})
export type Engines = v.InferOutput<typeof enginesSchema>

// POST /api/engines/:engine → 202 {run}: installs llama-server, mlx or openvino
export const installEngineSchema = v.object({ id: idSchema })
