import { createWriteStream } from 'node:fs'
import { readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { SiloError } from '#shared/errors/silo-error.ts'

const connectMs = 10_000
const stallMs = 30_000

export interface RangedDownload {
  readonly url: string
  /** A short name for errors and progress. */
  readonly source: string
  readonly destination: string
  /** Bytes expected. */
  readonly size: number
  readonly signal: AbortSignal
  readonly onProgress: (done: number) => void
  /** Milliseconds without a byte until the source counts as unreachable; for tests. */
  readonly stallMs?: number
}

/**
 * Downloads one file to `destination`. What arrived stays in `destination.part`, and a later call continues
 * it with a range request where the server still has the same file (by ETag).
 * @throws SiloError source_unreachable, disk_full, or the signal's reason
 */
export async function downloadRanged(request: RangedDownload): Promise<void> {
  const part = `${request.destination}.part`
  const tagFile = `${part}.etag`
  const unreachable = (cause: unknown) =>
    new SiloError('source_unreachable', { params: { source: request.source }, cause })
  let from = (await stat(part).catch(() => undefined))?.size ?? 0
  const knownTag = await readFile(tagFile, 'utf8').catch(() => '')
  if (from > request.size || (from > 0 && !knownTag)) from = 0

  // One watchdog for connecting and for every pause between chunks.
  const watchdog = new AbortController()
  const limit = request.stallMs ?? stallMs
  const bark = () => watchdog.abort(new Error('no data'))
  let timer = setTimeout(bark, Math.min(connectMs, limit))
  const signal = AbortSignal.any([request.signal, watchdog.signal])
  try {
    const response = await fetch(request.url, {
      signal,
      headers: from > 0 ? { range: `bytes=${from}-`, 'if-range': knownTag } : {},
    })
    if (response.status === 416) {
      await rm(part, { force: true })
      throw new Error('the kept part does not fit')
    }
    if (!response.ok || !response.body) throw new Error(`HTTP ${response.status}`)
    if (response.status !== 206) from = 0
    const length = Number(response.headers.get('content-length') ?? Number.NaN)
    if (Number.isFinite(length) && from + length !== request.size)
      throw new Error(`${from + length} bytes instead of ${request.size}`)
    await writeFile(tagFile, response.headers.get('etag') ?? '')
    let done = from
    request.onProgress(done)
    const body = Readable.fromWeb(response.body as Parameters<typeof Readable.fromWeb>[0])
    body.on('data', (chunk: Uint8Array) => {
      clearTimeout(timer)
      timer = setTimeout(bark, limit)
      done += chunk.byteLength
      if (done > request.size) body.destroy(new Error('more bytes than expected'))
      else request.onProgress(done)
    })
    body.pause()
    await pipeline(body, createWriteStream(part, { flags: from > 0 ? 'a' : 'w' }), { signal })
    if (done !== request.size) throw new Error(`the connection ended after ${done} bytes`)
    await rename(part, request.destination)
    await rm(tagFile, { force: true })
  } catch (error) {
    if (request.signal.aborted) throw request.signal.reason
    if (isDiskFull(error)) throw diskFull(request.size - from, error)
    throw unreachable(error)
  } finally {
    clearTimeout(timer)
  }
}

export function isDiskFull(error: unknown): boolean {
  for (let cause = error; cause instanceof Error; cause = cause.cause)
    if ('code' in cause && (cause.code === 'ENOSPC' || cause.code === 'EDQUOT')) return true
  return false
}

/** `needed` in bytes. */
export function diskFull(needed: number, cause?: unknown): SiloError {
  return new SiloError('disk_full', {
    params: { needed: `${Math.ceil(needed / 1e6)} MB` },
    ...(cause === undefined ? {} : { cause }),
  })
}
