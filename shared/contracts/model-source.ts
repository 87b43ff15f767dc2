import type { ModelSourceSpec } from '#shared/domain/model.ts'

/** One way to get a model's bytes. Suite: tests/contracts/model-source.ts. */
export interface ModelSource {
  readonly specVersion: 1
  readonly type: ModelSourceSpec['type']
  /**
   * Fetches the file to `destination`, continuing what an earlier, interrupted call left in `workDir`.
   * The caller verifies sha256. @throws SiloError source_unreachable, disk_full, download_failed
   */
  fetch(request: FetchRequest): Promise<void>
  /** A short name a person understands: host or package. */
  describe(spec: ModelSourceSpec): string
}

export interface FetchRequest {
  readonly spec: ModelSourceSpec
  readonly destination: string
  /** Kept between tries of the same model; removed by the caller when done. */
  readonly workDir: string
  /** Bytes the finished file will have. */
  readonly size: number
  readonly signal: AbortSignal
  readonly onProgress: (progress: {
    done: number
    total: number
    stage: 'downloading' | 'assembling'
  }) => void
}
