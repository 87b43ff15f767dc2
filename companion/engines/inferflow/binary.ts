import { existsSync } from 'node:fs'
import { programOnPath } from '#companion/process/bubblewrap.ts'

/** The program: that of SILO_INFERFLOW, else `inferflow_service` on the PATH, else none. */
export function findInferflow(env: NodeJS.ProcessEnv = process.env): string | undefined {
  if (env.SILO_INFERFLOW) return existsSync(env.SILO_INFERFLOW) ? env.SILO_INFERFLOW : undefined
  return programOnPath('inferflow_service', env.PATH)
}
