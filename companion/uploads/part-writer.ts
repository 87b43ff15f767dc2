import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { open } from 'node:fs/promises'
import { SiloError } from '#shared/errors/silo-error.ts'

/** Without a byte for this long a part counts as given up, ms. */
const stallMs = 45_000

/**
 * Writes a body into `path` from `offset` on as it arrives; never more than `limit` bytes. `onWritten` is told
 * how far the file reaches once that is on disk, also when the body breaks off.
 * @throws SiloError body_too_large (nothing of the part counts), disk_full, timeout; the signal's reason
 */
export async function writePart(
  path: string,
  offset: number,
  body: ReadableStream<Uint8Array>,
  limit: number,
  signal: AbortSignal,
  onWritten: (end: number) => void,
): Promise<void> {
  const handle = await open(path, 'r+').catch(() => open(path, 'w+'))
  const reader = body.getReader()
  let end = offset
  try {
    for (;;) {
      const { done, value } = await nextOf(reader, signal)
      if (done) break
      if (end + value.byteLength - offset > limit) {
        end = offset
        throw new SiloError('body_too_large', { params: { limit } })
      }
      for (let at = 0; at < value.byteLength;) {
        const { bytesWritten } = await handle.write(value, at, value.byteLength - at, end)
        at += bytesWritten
        end += bytesWritten
      }
    }
  } catch (error) {
    throw isDiskFull(error) ? diskFull(limit, error) : error
  } finally {
    void reader.cancel().catch(() => {})
    try {
      await handle.datasync()
      onWritten(end)
    } finally {
      await handle.close()
    }
  }
}

/** The next piece of a body; gives up with the signal, and when nothing comes. */
async function nextOf(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  signal: AbortSignal,
): Promise<ReadableStreamReadResult<Uint8Array>> {
  const { promise, reject } = Promise.withResolvers<never>()
  const aborted = () => reject(signal.reason)
  const timer = setTimeout(
    () => reject(new SiloError('timeout', { params: { seconds: stallMs / 1000 } })),
    stallMs,
  )
  signal.addEventListener('abort', aborted, { once: true })
  if (signal.aborted) aborted()
  try {
    return await Promise.race([reader.read(), promise])
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', aborted)
  }
}

/** SHA-256 of a file as lower-case hex. */
export async function sha256Of(path: string, signal: AbortSignal): Promise<string> {
  const hash = createHash('sha256')
  for await (const part of createReadStream(path, { signal, highWaterMark: 1 << 20 }))
    hash.update(part as Buffer)
  return hash.digest('hex')
}

function isDiskFull(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException | undefined)?.code
  return code === 'ENOSPC' || code === 'EDQUOT'
}

/** `needed` in bytes. */
export function diskFull(needed: number, cause?: unknown): SiloError {
  return new SiloError('disk_full', {
    params: { needed: `${Math.ceil(needed / 1e6)} MB` },
    ...(cause === undefined ? {} : { cause }),
  })
}
