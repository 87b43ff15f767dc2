import type { Hardware } from '#shared/domain/device.ts'
import type { CatalogueEntry, ModelFit } from '#shared/domain/model.ts'

/** Compute buffers and what the rest of the companion needs, in bytes. */
const headroom = 700e6
/** The operating system and other programs keep this much of the memory, in bytes. */
const reserved = 2e9
/** Bits per weight of a reduced version, about. */
const reducedBits = 3.6

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
  const beside = contextTokens * entry.kvBytesPerToken + headroom
  const needed = entry.size + beside
  const memory = hardware?.memory ?? 0
  const most = Math.max(memory - reserved, ...(hardware?.gpus ?? []).map((gpu) => gpu.memory))
  const available = Math.max(0, most)
  const verdict = hardware === undefined ? 'fits' : verdictOf(needed, available)
  const fit = { verdict, needed, available, contextTokens }
  if (verdict === 'fits' || entry.task !== 'chat') return fit
  const reduced = (entry.parameters * reducedBits) / 8 + beside
  const reducedVerdict = verdictOf(reduced, available)
  if (reduced > needed * 0.9 || reducedVerdict === 'too-big') return fit
  return { ...fit, reduced: { verdict: reducedVerdict, needed: reduced } }
}

function verdictOf(needed: number, available: number): 'fits' | 'tight' | 'too-big' {
  if (needed <= available * 0.8) return 'fits'
  return needed <= available ? 'tight' : 'too-big'
}
