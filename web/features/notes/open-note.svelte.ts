import { SiloError, toSiloError } from '#shared/errors/silo-error.ts'
import { noteResponseSchema, type Note } from '#shared/protocol/notes.ts'
import { request } from '#web/client/api.ts'
import { onChange } from '#web/client/stream.ts'
import { dropDraft, keepDraft, keptDraft } from './draft.ts'
import { noteAddress } from './notes.svelte.ts'

/** How long after the last key a note is saved, ms, and until a failed saving is tried again. */
const idleMs = 700
const retryMs = 5000

export type SaveState = 'saved' | 'unsaved' | 'saving' | 'failed' | 'conflict'

/**
 * A note that is being written. Saves by itself; what is not saved yet is kept in this browser. A change made
 * elsewhere is taken over where nothing is unsaved here, and put before the person where there is.
 */
export class OpenNote {
  readonly path: string
  #note = $state.raw<Note>()
  #text = $state('')
  #error = $state.raw<SiloError>()
  #saveState = $state<SaveState>('saved')
  /** The other version; null where the note was deleted meanwhile. */
  #theirs = $state.raw<Note | null>()
  #timer: ReturnType<typeof setTimeout> | undefined
  #saving: Promise<void> | undefined
  #closed = false

  constructor(path: string) {
    this.path = path
  }

  get note(): Note | undefined {
    return this.#note
  }
  get text(): string {
    return this.#text
  }
  get error(): SiloError | undefined {
    return this.#error
  }
  get saveState(): SaveState {
    return this.#saveState
  }
  get theirs(): Note | null | undefined {
    return this.#theirs
  }

  /** Reads the note and follows it. Returns the end, which saves what is left. */
  start(): () => void {
    void this.load()
    const stop = onChange('vault', () => void this.#refresh())
    return () => {
      stop()
      this.#closed = true
      clearTimeout(this.#timer)
      if (this.#saveState === 'unsaved') void this.save()
    }
  }

  async load(): Promise<void> {
    this.#error = undefined
    try {
      const note = await this.#read()
      const draft = keptDraft(this.path)
      this.#note = note
      this.#text = note.text
      if (!draft || draft.text === note.text) return dropDraft(this.path)
      this.#text = draft.text
      // Written on what is there now: it is saved. Else somebody else wrote meanwhile.
      if (draft.version === note.version) this.#touch()
      else this.#collide(note)
    } catch (cause) {
      this.#error = toSiloError(cause, 'page')
    }
  }

  write(text: string): void {
    if (text === this.#text) return
    this.#text = text
    keepDraft(this.path, { text, version: this.#note?.version ?? null })
    if (this.#saveState !== 'conflict') this.#touch()
  }

  /** Saves now. Never rejects: the state says how it went. */
  async save(): Promise<void> {
    clearTimeout(this.#timer)
    await this.#saving
    if (!this.#note || this.#saveState === 'conflict' || this.#text === this.#note.text) return
    this.#saving = this.#put(this.#note.version).finally(() => (this.#saving = undefined))
    await this.#saving
  }

  /** Of two versions, this one: what stands elsewhere is replaced. */
  async keepMine(): Promise<void> {
    const theirs = this.#theirs
    if (theirs === undefined) return
    this.#theirs = undefined
    await this.#put(theirs?.version ?? null)
  }

  /** Of two versions, the other. */
  keepTheirs(): void {
    const theirs = this.#theirs
    if (!theirs) return
    dropDraft(this.path)
    this.#theirs = undefined
    this.#note = theirs
    this.#text = theirs.text
    this.#saveState = 'saved'
  }

  #read(): Promise<Note> {
    return request(noteAddress(this.path), noteResponseSchema).then(({ note }) => note)
  }

  #touch(): void {
    this.#saveState = 'unsaved'
    clearTimeout(this.#timer)
    if (!this.#closed) this.#timer = setTimeout(() => void this.save(), idleMs)
  }

  #collide(theirs: Note | null): void {
    this.#theirs = theirs
    this.#saveState = 'conflict'
  }

  async #put(version: string | null): Promise<void> {
    const text = this.#text
    this.#saveState = 'saving'
    this.#error = undefined
    try {
      const { note } = await request(noteAddress(this.path), noteResponseSchema, {
        method: 'PUT',
        body: { text, version },
      })
      this.#note = note
      if (this.#text === text) {
        dropDraft(this.path)
        this.#saveState = 'saved'
      } else {
        keepDraft(this.path, { text: this.#text, version: note.version })
        this.#touch()
      }
    } catch (cause) {
      const error = toSiloError(cause, 'page')
      if (error.code === 'note_conflict') return this.#collide(await this.#read().catch(() => null))
      this.#error = error
      this.#saveState = 'failed'
      if (!this.#closed) this.#timer = setTimeout(() => void this.save(), retryMs)
    }
  }

  /** Something changed somewhere among the notes. */
  async #refresh(): Promise<void> {
    if (!this.#note || this.#saving) return
    const before = this.#note.version
    const note = await this.#read().catch((cause: unknown) => toSiloError(cause, 'page'))
    if (this.#saving || this.#note.version !== before || this.#saveState === 'conflict') return
    if (note instanceof SiloError) {
      if (note.code === 'note_unknown') this.#gone()
      return
    }
    if (note.version === before) this.#note = note
    else if (this.#saveState === 'saved') {
      this.#note = note
      this.#text = note.text
    } else this.#collide(note)
  }

  #gone(): void {
    if (this.#saveState === 'saved') this.#error = new SiloError('note_unknown')
    else this.#collide(null)
  }
}
