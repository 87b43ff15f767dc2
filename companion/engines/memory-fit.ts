import { statSync } from 'node:fs'
import type { ModelFile } from '#shared/contracts/engine.ts'
import { SiloError } from '#shared/errors/silo-error.ts'

/** Memory for compute buffers and the process itself, beside weights and cache, bytes. */
const workingBytes = 300 * 1024 * 1024
const smallestContext = 1024

export interface MemoryWish {
  readonly model: Pick<ModelFile, 'id' | 'path'>
  /** Tokens wanted. */
  readonly contextTokens: number
  /** Of the cache, all sequences together. */
  readonly bytesPerToken: number
  /** Is this machine's memory all there is? False where a GPU's may be used too: then the engine decides. */
  readonly limited: boolean
}

/** The context that memory allows, tokens. @throws SiloError out_of_memory */
export function affordableContext({
  model,
  contextTokens,
  bytesPerToken,
  limited,
}: MemoryWish): number {
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
