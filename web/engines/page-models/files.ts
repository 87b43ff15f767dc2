import { SiloError } from '#shared/errors/silo-error.ts'

type Op =
  | { readonly op: 'begin' }
  | { readonly op: 'write'; readonly bytes: Uint8Array<ArrayBuffer> }
  | { readonly op: 'close' }
export type FileRequest = Op & { readonly id: number; readonly path: readonly string[] }
export type FileAnswer =
  | { readonly id: number; readonly value: number | string }
  | { readonly id: number; readonly error: string }

/** A disk that does not answer for so long is broken, ms. Hashing what is there takes seconds. */
const answerLimit = 120_000

/** A file in the browser's private storage that is written from its beginning or from where it ended. */
export interface FileWriter extends AsyncDisposable {
  /** Bytes in the file. */
  readonly size: number
  /** Gives `bytes` away. @throws SiloError storage_quota, storage_failed */
  write(bytes: Uint8Array<ArrayBuffer>): Promise<void>
  /** Closes the file. Returns the sha256 of all of it. */
  finish(): Promise<string>
}

/** Opens a file, hashing what is in it. The worker ends with the writer. */
export async function openWriter(path: readonly string[]): Promise<FileWriter> {
  const worker = new Worker(new URL('./file-worker.ts', import.meta.url), { type: 'module' })
  const waiting = new Map<number, PromiseWithResolvers<number | string>>()
  const failAll = (detail: string): void => {
    for (const { reject } of waiting.values()) reject(failure(detail))
    waiting.clear()
  }
  worker.addEventListener('error', (event) => failAll(event.message))
  worker.addEventListener('message', ({ data }: MessageEvent<FileAnswer>) => {
    const asked = waiting.get(data.id)
    waiting.delete(data.id)
    if ('error' in data) asked?.reject(failure(data.error))
    else asked?.resolve(data.value)
  })
  let nextId = 1
  const ask = async (op: Op, transfer: Transferable[] = []): Promise<number | string> => {
    const asked = Promise.withResolvers<number | string>()
    const id = nextId++
    waiting.set(id, asked)
    worker.postMessage({ ...op, id, path }, transfer)
    const timer = setTimeout(() => failAll('the disk does not answer'), answerLimit)
    try {
      return await asked.promise
    } finally {
      clearTimeout(timer)
    }
  }
  let open = true
  const close = async (): Promise<string> => {
    open = false
    return String(await ask({ op: 'close' }))
  }
  try {
    let size = Number(await ask({ op: 'begin' }))
    return {
      get size() {
        return size
      },
      async write(bytes) {
        size = Number(await ask({ op: 'write', bytes }, [bytes.buffer]))
      },
      finish: close,
      async [Symbol.asyncDispose]() {
        // The worker may be what failed: its end closes the file too.
        if (open) await close().catch(() => {})
        worker.terminate()
      },
    }
  } catch (error) {
    worker.terminate()
    throw error
  }
}

function failure(detail: string): SiloError {
  if (/QuotaExceeded/.test(detail))
    return new SiloError('storage_quota', { params: { available: 0, needed: 1 } })
  return new SiloError('storage_failed', { cause: new Error(detail) })
}

/** A folder of the browser's private storage, or undefined where it is not there. */
export async function folderAt(
  path: readonly string[],
): Promise<FileSystemDirectoryHandle | undefined> {
  try {
    let folder = await navigator.storage.getDirectory()
    for (const name of path) folder = await folder.getDirectoryHandle(name)
    return folder
  } catch {
    return undefined
  }
}

/** A file of the browser's private storage, or undefined where it is not there. */
export async function fileAt(path: readonly string[]): Promise<File | undefined> {
  const folder = await folderAt(path.slice(0, -1))
  try {
    return await (await folder?.getFileHandle(path.at(-1)!))?.getFile()
  } catch {
    return undefined
  }
}

/** Deletes a folder with all that is in it; nothing where it is not there. */
export async function removeFolder(path: readonly string[]): Promise<void> {
  const parent = await folderAt(path.slice(0, -1))
  try {
    await parent?.removeEntry(path.at(-1)!, { recursive: true })
  } catch (cause) {
    if (cause instanceof DOMException && cause.name === 'NotFoundError') return
    throw new SiloError('storage_failed', { cause })
  }
}
