import { mkdir, rename, rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import type { Log } from '#companion/observe/log.ts'
import type { RunContext, RunResult } from '#companion/runs/run.ts'
import type { ModelSource } from '#shared/contracts/model-source.ts'
import type { CatalogueEntry, ModelSourceSpec } from '#shared/domain/model.ts'
import { SiloError, toSiloError, toWire } from '#shared/errors/silo-error.ts'
import { requireSpace } from './disk-space.ts'
import type { FileRecords } from './file-records.ts'
import { diskFull, isDiskFull } from './ranged-download.ts'
import { throttledProgress } from './throttled-progress.ts'

interface FetchParts {
  readonly sources: readonly ModelSource[]
  readonly records: FileRecords
  readonly log: Log
}

/**
 * Tries the sources in order until one delivers the file with the right sha256. Each failure is an
 * `item-failed` event; what a source got so far stays in `workDir` for the next try.
 * @throws SiloError disk_full, download_failed, or the signal's reason
 */
export async function fetchModel(
  entry: CatalogueEntry,
  destination: string,
  workDir: string,
  parts: FetchParts,
  run: RunContext,
): Promise<RunResult> {
  const failures: string[] = []
  await mkdir(workDir, { recursive: true })
  const assembled = join(dirname(destination), '.partial', basename(destination))
  for (const spec of entry.sources) {
    run.signal.throwIfAborted()
    const source = parts.sources.find((known) => known.type === spec.type)
    if (!source) continue
    const name = source.describe(spec)
    await requireSpace(dirname(destination), entry.size * (spec.type === 'pypi' ? 2.2 : 1.05))
    const report = throttledProgress(run, name)
    report('connecting', 0, entry.size, true)
    try {
      await source.fetch({
        spec,
        destination: assembled,
        workDir: join(workDir, spec.type),
        size: entry.size,
        signal: run.signal,
        onProgress: ({ stage, done, total }) => report(stage, done, total),
      })
      report('verifying', 0, entry.size, true)
      const sum = await parts.records.sha256(assembled, run.signal, (done) =>
        report('verifying', done, entry.size),
      )
      if (sum !== sumOf(entry, spec)) {
        await rm(assembled, { force: true })
        await rm(join(workDir, spec.type), { recursive: true, force: true })
        throw new SiloError('checksum_mismatch', { params: { source: name } })
      }
      await rename(assembled, destination)
      await rm(workDir, { recursive: true, force: true })
      // Recorded under its final name, so that the first use does not read it all again.
      await parts.records.sha256(destination, run.signal)
      report('verifying', entry.size, entry.size, true)
      return { counts: { bytes: entry.size } }
    } catch (error) {
      if (run.signal.aborted) throw run.signal.reason
      if (isDiskFull(error) || (error instanceof SiloError && error.code === 'disk_full'))
        throw error instanceof SiloError ? error : diskFull(entry.size, error)
      const failure = toSiloError(error, run.id)
      parts.log.warn('a model source failed', { model: entry.id, source: name, error })
      failures.push(name)
      run.emit({ type: 'item-failed', item: name, error: toWire(failure) })
    }
  }
  throw new SiloError('download_failed', {
    params: { model: entry.name, detail: failures.join(', ') || '—' },
  })
}

/** What a file from this source must hash to. */
function sumOf(entry: CatalogueEntry, spec: ModelSourceSpec): string {
  return (spec.type === 'pypi' ? spec.sha256 : undefined) ?? entry.sha256
}

/** Every sum a complete file of this model may have. */
export function sumsOf(entry: CatalogueEntry): ReadonlySet<string> {
  return new Set([entry.sha256, ...entry.sources.map((spec) => sumOf(entry, spec))])
}
