import { mkdir, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Log } from '#companion/observe/log.ts'
import type { RunContext, RunResult } from '#companion/runs/run.ts'
import type { CatalogueEntry } from '#shared/domain/model.ts'
import { SiloError } from '#shared/errors/silo-error.ts'
import { requireSpace } from './disk-space.ts'
import type { FileRecords } from './file-records.ts'
import { diskFull, isDiskFull } from './ranged-download.ts'
import { throttledProgress } from './throttled-progress.ts'

export interface QuantizerOptions {
  readonly signal: AbortSignal
  readonly onProgress: (done: number, total: number) => void
}

export interface MeasuredModel {
  readonly tokens: number
  /** On a text that comes with Silo. Lower is better. */
  readonly perplexity: number
  readonly tokensPerSecond: number
}

/** What turns a model's file into a smaller one, and tells how good a model is. */
export interface Quantizer {
  /** @throws SiloError model_corrupt, quantize_no_gain, engine_crashed, the signal's reason */
  rewrite(
    request: { model: string; source: string; destination: string; preset: '3.5-bit' | 'Q4_K_M' },
    options: QuantizerOptions,
  ): Promise<{ bitsPerWeight: number; sourceBitsPerWeight: number }>
  /** Undefined where there is not the memory to load it. */
  measure(
    request: { model: string; path: string },
    options: QuantizerOptions,
  ): Promise<MeasuredModel | undefined>
}

interface QuantizeParts {
  readonly directory: string
  readonly records: FileRecords
  readonly quantizer: Quantizer
  readonly log: Log
  readonly onChange: (id: string) => void
}

interface Source {
  readonly entry: CatalogueEntry
  readonly path: string
}

/** A source with more is compared with a Q4_K_M made of it too; one with less is about that itself. Bits per weight. */
const comparedAbove = 5.5

export function quantizedId(sourceId: string): string {
  return `${sourceId}-3.5bit`
}

/**
 * Makes the file, takes it in, then measures it against its source. Cancelling while it is measured keeps it.
 * The run's counts are what was found: `bytes`, `bitsPerWeight`, `perplexity`, `tokensPerSecond`, and the same of the
 * source (`source…`) and of Q4_K_M (`plain…`) where they differ.
 * @throws SiloError disk_full, model_corrupt, quantize_no_gain, engine_crashed
 */
export async function quantizeModel(
  source: Source,
  parts: QuantizeParts,
  run: RunContext,
): Promise<RunResult> {
  const { directory, records, quantizer } = parts
  const id = quantizedId(source.entry.id)
  const report = throttledProgress(run, source.entry.name)
  const partial = join(directory, '.partial', `${id}.gguf`)
  const path = join(directory, `${id}.gguf`)
  const rewrite = async (preset: '3.5-bit' | 'Q4_K_M', destination: string) => {
    await requireSpace(directory, source.entry.size)
    await mkdir(join(directory, '.partial'), { recursive: true })
    await rm(destination, { force: true })
    const request = { model: source.entry.name, source: source.path, destination, preset }
    return quantizer.rewrite(request, {
      signal: run.signal,
      onProgress: (done, total) => report('quantizing', (done / total) * source.entry.size, source.entry.size), // prettier-ignore
    })
  }
  try {
    report('quantizing', 0, source.entry.size, true)
    const { bitsPerWeight, sourceBitsPerWeight } = await rewrite('3.5-bit', partial)
    await rename(partial, path)
    const { size } = await stat(path)
    const sha256 = await records.sha256(path, run.signal, (done) => report('verifying', done, size))
    const made = entryOf(source.entry, { id, path, size, sha256, bitsPerWeight })
    records.addImported({ entry: made, path })
    parts.onChange(id)
    const measure = (model: Source) =>
      quantizer.measure(
        { model: model.entry.name, path: model.path },
        {
          signal: run.signal,
          onProgress: (done, total) =>
            report('measuring', (done / total) * model.entry.size, model.entry.size),
        },
      )
    report('measuring', 0, size, true)
    const own = await measure({ entry: made, path })
    const other = own && (await measure(source))
    let plain: MeasuredModel | undefined
    if (other && sourceBitsPerWeight > comparedAbove) {
      await rewrite('Q4_K_M', partial)
      plain = await measure({ entry: source.entry, path: partial })
    }
    if (own && other) records.addImported({ entry: { ...made, note: noteOf(source.entry, bitsPerWeight, own, other) }, path }) // prettier-ignore
    return {
      counts: {
        bytes: size,
        sourceBytes: source.entry.size,
        bitsPerWeight,
        sourceBitsPerWeight,
        ...named('', own),
        ...named('source', other),
        ...named('plain', plain),
      },
    }
  } catch (error) {
    run.signal.throwIfAborted()
    if (isDiskFull(error)) throw diskFull(source.entry.size, error)
    throw error instanceof SiloError ? error : new SiloError('engine_crashed', { cause: error })
  } finally {
    await rm(partial, { force: true })
  }
}

function entryOf(
  source: CatalogueEntry,
  made: { id: string; path: string; size: number; sha256: string; bitsPerWeight: number },
): CatalogueEntry {
  const { id, path, size, sha256, bitsPerWeight } = made
  return {
    ...source,
    id,
    name: `${source.name} 3.5-bit`,
    sha256,
    size,
    quantization: `${bitsPerWeight.toFixed(2)} bpw`,
    sources: [{ type: 'file', path }],
    starter: false,
    note: {
      en: `Made here from ${source.name}.`,
      zh: `在本机由 ${source.name} 制成。`,
    },
    madeFrom: source.id,
  }
}

function noteOf(
  source: CatalogueEntry,
  bitsPerWeight: number,
  own: MeasuredModel,
  other: MeasuredModel,
): CatalogueEntry['note'] {
  const [bits, mine, theirs] = [bitsPerWeight, own.perplexity, other.perplexity].map((value) => value.toFixed(2)) // prettier-ignore
  return {
    en: `Made here from ${source.name}: ${bits} bits per weight, perplexity ${mine} instead of ${theirs}.`,
    zh: `在本机由 ${source.name} 制成：每权重 ${bits} 位，困惑度 ${mine}（原为 ${theirs}）。`,
  }
}

function named(prefix: string, measured: MeasuredModel | undefined): Record<string, number> {
  if (!measured) return {}
  const name = (key: string) => (prefix === '' ? key : prefix + key[0]!.toUpperCase() + key.slice(1)) // prettier-ignore
  return {
    [name('perplexity')]: measured.perplexity,
    [name('tokensPerSecond')]: measured.tokensPerSecond,
  }
}
