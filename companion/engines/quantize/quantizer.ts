import { readFileSync } from 'node:fs'
import type { Log } from '#companion/observe/log.ts'
import { SiloError } from '#shared/errors/silo-error.ts'
import { affordableContext } from '../memory-fit.ts'
import { runJob } from './job.ts'
import type { QuantizationPreset } from './plan.ts'

export interface QuantizerInit {
  readonly log: Log
  /** Absent: as many as there are cores. */
  readonly threads?: number
}

interface Options {
  readonly signal: AbortSignal
  readonly onProgress: (done: number, total: number) => void
}

/** Tokens of the text that are read; the 1.5B takes half a minute for them on two cores. */
const measuredTokens = 2048
const measuringContext = 1024

/** Quantizes and measures in processes of their own, which end with the signal. */
export function quantizerOf({ log, threads = 0 }: QuantizerInit) {
  return {
    async rewrite(
      request: { model: string; source: string; destination: string; preset: QuantizationPreset },
      options: Options,
    ) {
      const result = await runJob({ op: 'rewrite', threads, ...request }, { log, ...options })
      if (result.op !== 'rewritten') throw new SiloError('engine_crashed')
      return result
    },

    async measure(request: { model: string; path: string; tokens?: number }, options: Options) {
      const { model, path, tokens = measuredTokens } = request
      if (!fitsMemory(model, path)) return undefined
      const text = readFileSync(new URL('./sample-text.txt', import.meta.url), 'utf8')
      const result = await runJob({ op: 'measure', model, path, text, tokens, threads }, { log, ...options }) // prettier-ignore
      if (result.op !== 'measured') throw new SiloError('engine_crashed')
      return result
    },
  }
}

function fitsMemory(model: string, path: string): boolean {
  try {
    affordableContext({ model: { id: model, path }, contextTokens: measuringContext, bytesPerToken: 0, limited: true }) // prettier-ignore
    return true
  } catch (error) {
    if (error instanceof SiloError && error.code === 'out_of_memory') return false
    throw error
  }
}
