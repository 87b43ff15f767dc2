import { newId } from '#shared/domain/ids.ts'
import { toSiloError, type SiloError } from '#shared/errors/silo-error.ts'
import type { Upload } from '#shared/protocol/upload.ts'
import { dropUpload, uploadFile } from './upload.ts'

export interface FileUpload {
  readonly id: string
  readonly collectionId: string
  readonly name: string
  readonly size: number
  readonly sent: number
  /** `paused`: the companion is away; it goes on by itself. */
  readonly state: 'waiting' | 'sending' | 'paused' | 'done' | 'failed'
  readonly error?: SiloError
  readonly upload?: Upload
}

/** Files picked on this page, sent one after the other; they go on while another page of the app is open. */
class FileUploads {
  #list = $state.raw<readonly FileUpload[]>([])
  readonly #files = new Map<string, File>()
  readonly #stops = new Map<string, AbortController>()
  #sending = false

  of(collectionId: string): FileUpload[] {
    return this.#list.filter((upload) => upload.collectionId === collectionId)
  }

  add(collectionId: string, files: readonly File[]): void {
    const added = files.map((file): FileUpload => {
      const id = newId()
      this.#files.set(id, file)
      return { id, collectionId, name: file.name, size: file.size, sent: 0, state: 'waiting' }
    })
    this.#list = [...this.#list, ...added]
    void this.#work()
  }

  retry(id: string): void {
    this.#change(id, { state: 'waiting', error: undefined })
    void this.#work()
  }

  /** Ends an upload, or takes a finished one off the list; a file that has arrived stays. */
  remove(id: string): void {
    const known = this.#list.find((upload) => upload.id === id)
    this.#list = this.#list.filter((upload) => upload.id !== id)
    this.#files.delete(id)
    this.#stops.get(id)?.abort()
    if (known && known.state !== 'done') void dropUpload(id)
  }

  /** Takes what has arrived off the list. */
  clear(collectionId: string): void {
    for (const { id, state } of this.of(collectionId)) if (state === 'done') this.remove(id)
  }

  async #work(): Promise<void> {
    if (this.#sending) return
    this.#sending = true
    try {
      for (;;) {
        const next = this.#list.find(({ state }) => state === 'waiting')
        if (!next) return
        await this.#send(next)
      }
    } finally {
      this.#sending = false
    }
  }

  async #send({ id, collectionId, name }: FileUpload): Promise<void> {
    const content = this.#files.get(id)
    if (!content) return this.remove(id)
    const stop = new AbortController()
    this.#stops.set(id, stop)
    this.#change(id, { state: 'sending' })
    try {
      const upload = await uploadFile(
        { id, name, content, collectionId },
        {
          signal: stop.signal,
          onProgress: (sent) => this.#change(id, { sent }),
          onPause: (reason) => this.#change(id, { state: reason ? 'paused' : 'sending' }),
        },
      )
      this.#files.delete(id)
      this.#change(id, { state: 'done', sent: upload.size, upload })
    } catch (cause) {
      if (!stop.signal.aborted)
        this.#change(id, { state: 'failed', error: toSiloError(cause, 'page') })
    } finally {
      this.#stops.delete(id)
    }
  }

  #change(id: string, change: Partial<FileUpload>): void {
    this.#list = this.#list.map((known) => (known.id === id ? { ...known, ...change } : known))
  }
}

export const fileUploads = new FileUploads()
