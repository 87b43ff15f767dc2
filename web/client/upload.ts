import { SiloError, toSiloError } from '#shared/errors/silo-error.ts'
import { maxPartBytes, uploadResponseSchema, type Upload } from '#shared/protocol/upload.ts'
import { request, send } from './api.ts'

export interface OutgoingFile {
  /** Chosen once and kept with the file: sent again under it, the file arrives once. */
  readonly id: string
  readonly name: string
  readonly content: Blob
  readonly collectionId: string
}

export interface UploadOptions {
  readonly signal: AbortSignal
  /** Bytes the companion has. */
  readonly onProgress?: (sent: number) => void
  /** The companion is away: it goes on by itself once it is back. Called with nothing when it does. */
  readonly onPause?: (reason?: SiloError) => void
  /** The first wait after a failure, ms; later ones are longer. */
  readonly retryMs?: number
}

const firstPartBytes = 1024 * 1024
const leastPartBytes = 64 * 1024
const partLimitMs = 60_000
/** A whole file is hashed here only up to this size: browsers hash nothing piece by piece. */
const hashedBytes = 64 * 1024 * 1024
const firstRetryMs = 500
const lastRetryMs = 15_000
/** Failures that are not the connection's, until the upload counts as failed. */
const triesAfterFault = 4
/** A part that takes less makes the next one larger, one that takes more makes it smaller, ms. */
const quickMs = 1500
const slowMs = 8000

/**
 * Sends a file to the companion in parts. A lost connection only pauses it; it goes on where the companion has
 * it. Resolves when the file is complete there.
 * @throws SiloError what the companion refuses (file_too_large, disk_full, collection_unknown, forbidden, …),
 * cancelled
 */
export async function uploadFile(file: OutgoingFile, options: UploadOptions): Promise<Upload> {
  const { signal } = options
  const pace = { bytes: firstPartBytes }
  const firstWait = options.retryMs ?? firstRetryMs
  let retryMs = firstWait
  let faults = 0
  let paused = false
  for (;;) {
    try {
      return await attempt(file, options, pace, () => {
        retryMs = firstWait
        if (paused) options.onPause?.()
        paused = false
      })
    } catch (cause) {
      const error = toSiloError(cause, 'page')
      if (signal.aborted) throw new SiloError('cancelled', { cause })
      if (!isLost(error) && (!isPassing(error) || ++faults >= triesAfterFault)) throw error
      if (isLost(error)) {
        pace.bytes = Math.max(leastPartBytes, pace.bytes / 2)
        if (!paused) options.onPause?.(error)
        paused = true
      }
    }
    await pause(retryMs, signal)
    retryMs = Math.min(retryMs * 2, lastRetryMs)
  }
}

/** Tells the companion to drop what it has of a file. Failing to harms nothing: it expires. */
export async function dropUpload(id: string): Promise<void> {
  await send(`/api/uploads/${id}`, { method: 'DELETE', timeoutMs: 10_000 }).catch(() => {})
}

async function attempt(
  file: OutgoingFile,
  { signal, onProgress }: UploadOptions,
  pace: { bytes: number },
  moved: () => void,
): Promise<Upload> {
  const { id, content } = file
  const path = `/api/uploads/${id}`
  let { upload } = await request('/api/uploads', uploadResponseSchema, {
    method: 'POST',
    body: await announcement(file),
    signal,
  })
  moved()
  onProgress?.(upload.received)
  while (upload.state === 'open' && upload.received < content.size) {
    const offset = upload.received
    const started = Date.now()
    ;({ upload } = await request(`${path}?offset=${offset}`, uploadResponseSchema, {
      method: 'PATCH',
      content: content.slice(offset, offset + pace.bytes),
      headers: { 'content-type': 'application/octet-stream' },
      signal,
      timeoutMs: partLimitMs,
    }))
    const took = Date.now() - started
    if (took < quickMs) pace.bytes = Math.min(maxPartBytes, pace.bytes * 2)
    else if (took > slowMs) pace.bytes = Math.max(leastPartBytes, Math.floor(pace.bytes / 2))
    moved()
    onProgress?.(upload.received)
  }
  if (upload.state === 'complete') return upload
  const done = await request(`${path}/complete`, uploadResponseSchema, {
    method: 'POST',
    signal,
    timeoutMs: 10 * 60_000,
  })
  return done.upload
}

async function announcement({ id, name, content, collectionId }: OutgoingFile): Promise<object> {
  const head = { id, name, size: content.size, collectionId }
  if (content.size > hashedBytes || !globalThis.crypto.subtle) return head
  const digest = await crypto.subtle
    .digest('SHA-256', await content.arrayBuffer())
    .catch((cause) => {
      // The file was moved or changed after it was picked.
      throw new SiloError('file_changed', { cause })
    })
  const sha256 = [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, '0'))
  return { ...head, sha256: sha256.join('') }
}

/** The connection's fault: worth waiting for. */
function isLost({ code }: SiloError): boolean {
  return ['companion_unreachable', 'timeout', 'shutting_down', 'link_unavailable'].includes(code)
}

/** Asking how far the file is, and going on there, may help. */
function isPassing({ code, field }: SiloError): boolean {
  if (code === 'conflict') return field === 'offset'
  return ['upload_unknown', 'upload_damaged', 'internal', 'bad_response', 'cancelled'].includes(
    code,
  )
}

/** Waits; a network that comes back ends the wait. */
function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const end = (): void => {
      clearTimeout(timer)
      globalThis.removeEventListener?.('online', end)
      signal.removeEventListener('abort', end)
      if (signal.aborted) reject(new SiloError('cancelled'))
      else resolve()
    }
    const timer = setTimeout(end, ms)
    globalThis.addEventListener?.('online', end)
    signal.addEventListener('abort', end)
    if (signal.aborted) end()
  })
}
