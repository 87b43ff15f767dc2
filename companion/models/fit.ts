import type { Hardware } from '#shared/domain/device.ts'
import type { CatalogueEntry, ModelFit } from '#shared/domain/model.ts'

/** Compute buffers and what the rest of the companion needs, in bytes. */
const headroom = 700e6
/** The operating system and other programs keep this much of the memory, in bytes. */
const reserved = 2e9

/**
 * Whether a model fits: weights + KV cache at the wanted context + headroom, against the memory that could be
 * had. A GPU with memory of its own counts where it is the larger.
 */
export function modelFit(
  entry: CatalogueEntry,
  hardware: Hardware | undefined,
  wantedTokens: number,
): ModelFit {
  const contextTokens = Math.min(wantedTokens, entry.contextLength)
  const needed = entry.size + contextTokens * entry.kvBytesPerToken + headroom
  const memory = hardware?.memory ?? 0
  const available = Math.max(memory - reserved, ...(hardware?.gpus ?? []).map((gpu) => gpu.memory))
  const verdict =
    hardware === undefined || needed <= available * 0.8
      ? 'fits'
      : needed <= available
        ? 'tight'
        : 'too-big'
  return { verdict, needed, available: Math.max(0, available), contextTokens }
}
