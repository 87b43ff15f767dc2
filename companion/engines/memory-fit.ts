import { statSync } from 'node:fs'
import type { ModelFile } from '#shared/contracts/engine.ts'
import { SiloError } from '#shared/errors/silo-error.ts'

/** Memory for compute buffers and the process itself, beside weights and cache, bytes. */
const workingBytes = 300 * 1024 * 1024
const smallestContext = 1024

/** Answers beside the first are computed at once only as far as their caches take this part of the free memory. */
const cacheShare = 0.25

export interface MemoryWish {
  readonly model: Pick<ModelFile, 'id' | 'path'>
  /** Tokens wanted, of each sequence. */
  readonly contextTokens: number
  /** Sequences wanted. */
  readonly parallel: number
  /** Of the cache of one sequence. */
  readonly bytesPerToken: number
  /** Is this machine's memory all there is? False where a GPU's may be used too: then the engine decides. */
  readonly limited: boolean
}

/** Context and sequences that memory allows; fewer sequences come before less context. @throws SiloError out_of_memory */
export function affordablePlan(wish: MemoryWish): { contextTokens: number; parallel: number } {
  const { model, contextTokens, bytesPerToken, limited } = wish
  const available = process.availableMemory()
  const weights = statSync(model.path).size
  const most = Math.floor(((available - weights) * cacheShare) / Math.max(1, bytesPerToken * contextTokens)) // prettier-ignore
  const parallel = Math.max(1, Math.min(wish.parallel, most))
  if (!limited) return { contextTokens, parallel }
  const tokens = affordableContext({ ...wish, bytesPerToken: bytesPerToken * parallel })
  return { contextTokens: tokens, parallel }
}

/** The context that memory allows, tokens. `bytesPerToken` is of all sequences together. @throws SiloError out_of_memory */
export function affordableContext({
  model,
  contextTokens,
  bytesPerToken,
  limited,
}: Omit<MemoryWish, 'parallel'>): number {
  if (!limited) return contextTokens
  const available = process.availableMemory()
  const weights = statSync(model.path).size
  let tokens = contextTokens
  if (bytesPerToken > 0) {
    const affordable = Math.floor((available - weights - workingBytes) / bytesPerToken)
    if (affordable < tokens) tokens = Math.floor(affordable / 256) * 256
  }
  const least = Math.min(smallestContext, contextTokens)
  if (weights + workingBytes > available || tokens < least)
    throw new SiloError('out_of_memory', { params: { model: model.id } })
  return tokens
}
