import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { quantizerOf } from '#companion/engines/quantize/quantizer.ts'
import { silentLog } from '#companion/observe/log.ts'
import { testModel } from '#tests/models.ts'

const modelId = 'qwen2.5-coder-1.5b'
const goal = 3.6
const measuredTokens = 4096
const limitMs = 30 * 60_000

interface Measured {
  readonly perplexity: number
  readonly tokensPerSecond: number
}

export interface QuantBench {
  readonly bench: 'quant'
  /** Bits per weight of the 3.5-bit version of the 1.5B. */
  readonly value: number
  readonly goal: number
  readonly ok: boolean
  readonly bytes: number
  readonly seconds: number
  readonly sourceBytes: number
  /** Of a plain Q3_K_S of the same source. Not with `--quick`, nor what follows. */
  readonly plainBytes?: number
  readonly own?: Measured
  readonly plain?: Measured
  readonly source?: Measured
}

/**
 * Makes the 3.5-bit version of the 1.5B; without `--quick` also a plain Q3_K_S, and compares how well both foretell
 * the text that comes with Silo: the own one must not be worse, and must be smaller.
 */
export async function run({ quick }: { quick: boolean }): Promise<QuantBench> {
  const folder = mkdtempSync(join(tmpdir(), 'silo-bench-'))
  const options = { signal: AbortSignal.timeout(limitMs), onProgress: () => {} }
  const quantizer = quantizerOf({ log: silentLog })
  const source = testModel(modelId)
  try {
    const make = async (preset: '3.5-bit' | 'Q3_K_S') => {
      const path = join(folder, `${preset}.gguf`)
      const startedAt = performance.now()
      const { bitsPerWeight } = await quantizer.rewrite({ model: modelId, source, destination: path, preset }, options) // prettier-ignore
      const seconds = Math.round((performance.now() - startedAt) / 100) / 10
      return { path, bitsPerWeight, seconds, bytes: statSync(path).size }
    }
    const { path, bitsPerWeight, bytes, seconds } = await make('3.5-bit')
    const value = Math.round(bitsPerWeight * 1000) / 1000
    const made = { bench: 'quant', value, goal, bytes, seconds, sourceBytes: statSync(source).size } as const // prettier-ignore
    if (quick) return { ...made, ok: value <= goal }
    const plainFile = await make('Q3_K_S')
    const measure = async (file: string): Promise<Measured> => {
      const found = await quantizer.measure({ model: modelId, path: file, tokens: measuredTokens }, options) // prettier-ignore
      if (!found) throw new Error('there is not the memory to measure it')
      const { perplexity, tokensPerSecond } = found
      return { perplexity: Math.round(perplexity * 1000) / 1000, tokensPerSecond: Math.round(tokensPerSecond * 10) / 10 } // prettier-ignore
    }
    const own = await measure(path)
    const plain = await measure(plainFile.path)
    const isAsGood = own.perplexity <= plain.perplexity && bytes < plainFile.bytes
    return {
      ...made,
      ok: value <= goal && isAsGood,
      plainBytes: plainFile.bytes,
      own,
      plain,
      source: await measure(source),
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
