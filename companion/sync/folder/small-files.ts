import type { BlockRequest } from '#companion/sync/bep-peer.ts'
import { blockCount, hashOfBlock, sizeOfBlock } from './block-list.ts'
import type { FolderContext } from './folder-context.ts'
import type { Job } from './jobs.ts'
import { dressed, perform, type Step, type StepFailure } from './placement.ts'
import type { Source, Sources } from './sources.ts'

/** What fits in memory by the hundred: got whole and written in one go. */
export const smallBytes = 256 * 1024
export const batchFiles = 512
export const batchBytes = 8 * 1024 * 1024

/**
 * Gets a batch of small files of one device and places them: one question, one flush, one transaction for all.
 * Returns the jobs that could not be done and why; `sync_no_source` where this device did not give the file.
 */
export async function pullSmall(
  context: FolderContext,
  sources: Sources,
  source: Source,
  jobs: readonly Job[],
  signal: AbortSignal,
): Promise<{ job: Job; code: string }[]> {
  const failed: { job: Job; code: string }[] = []
  const requests = jobs.flatMap((job) => requestsOf(context.id, job))
  const answers = await sources.fetchMany(source, requests, signal)
  const data = new Uint8Array(jobs.reduce((sum, { file }) => sum + file.size, 0))
  const steps = new Map<Step, Job>()
  let request = 0
  let at = 0
  for (const job of jobs) {
    const { file } = job
    const start = at
    let complete = true
    for (let i = 0; i < blockCount(file.size, file.blockSize); i++) {
      const block = answers[request]
      const wanted = requests[request++]!.size
      if (!block || !complete) complete = false
      else if (block.length !== wanted) {
        complete = false
        source.badBlocks++
      } else {
        data.set(block, at)
        at += wanted
      }
    }
    if (complete) steps.set({ item: itemOf(context, job, start), records: [job.record] }, job)
    else {
      at = start
      sources.lacks(source, job.need)
      failed.push({ job, code: 'sync_no_source' })
    }
  }
  signal.throwIfAborted()
  const failures = await perform(context, [...steps.keys()], data)
  return [
    ...failed,
    ...failures.map((failure) => explain(failure, steps.get(failure.step)!, sources, source)),
  ]
}

function explain(
  { code }: StepFailure,
  job: Job,
  sources: Sources,
  source: Source,
): { job: Job; code: string } {
  if (code === 'wrong') sources.lacks(source, job.need, true)
  return { job, code }
}

function itemOf(context: FolderContext, job: Job, at: number): Step['item'] {
  const { file } = job
  return {
    name: job.target,
    make: 'data',
    ...job.replacing,
    ...dressed(context, file),
    at,
    size: file.size,
    blockSize: file.blockSize,
    hashes: file.hashes,
  }
}

function requestsOf(folder: string, { file }: Job): BlockRequest[] {
  return Array.from({ length: blockCount(file.size, file.blockSize) }, (_, i) => ({
    folder,
    name: file.name,
    offset: i * file.blockSize,
    size: sizeOfBlock(i, file.size, file.blockSize),
    hash: hashOfBlock(file.hashes, i),
    fromTemporary: false,
  }))
}
