import type { Conversation } from '#shared/domain/conversation.ts'
import { conversationListSchema, runListSchema } from '#shared/protocol/api.ts'
import type { RunSummary } from '#shared/protocol/run-event.ts'
import { request } from './api.ts'
import { inboxCount } from './inbox-count.svelte.ts'
import { isUnread, readMarks, withRead, writeMarks, type ReadMarks } from './read-marks.ts'
import { Resource } from './resource.svelte.ts'
import { pathOfRun } from './run-news.ts'
import { RunWatch } from './run-watch.svelte.ts'
import { onChange, onRunEvent } from './stream.ts'

/** Events come in bursts: the list is read once for one, ms. */
const settleMs = 150

/** The runs of this person, newest first, and which results wait to be seen on this device. */
class Inbox {
  readonly runs = new Resource<RunSummary[]>(async (signal) => {
    const { runs } = await request('/api/runs', runListSchema, { signal })
    for (const { id, kind, outcome } of runs)
      // The log of an answer is its text; its conversation shows it.
      if (outcome === undefined && kind !== 'chat') this.watch.follow(id)
    return runs
  })
  readonly conversations = new Resource<Conversation[]>(async (signal) => {
    const { conversations } = await request('/api/conversations', conversationListSchema, {
      signal,
    })
    return conversations.map(({ conversation }) => conversation)
  })
  readonly watch = new RunWatch()
  #marks = $state.raw<ReadMarks>({ since: Number.MAX_SAFE_INTEGER, read: [], own: [] })
  #timer: ReturnType<typeof setTimeout> | undefined
  #ended: (run: RunSummary) => void = () => {}
  readonly #endings = new Set<string>()

  readonly unread = $derived(
    new Set(
      (this.runs.value ?? []).filter((run) => isUnread(run, this.#marks)).map(({ id }) => id),
    ),
  )

  /** Reads, and follows what changes. `onended` gets each run that ends from now on. Returns the end of it. */
  start(onended: (run: RunSummary) => void): () => void {
    this.#marks = readMarks()
    this.#ended = onended
    const stored = (): void => {
      this.#marks = readMarks()
    }
    const visible = (): void => {
      if (document.visibilityState === 'visible') this.seen(location.pathname)
    }
    const ends = [
      onRunEvent(({ runId, body }) => {
        if (body.type === 'run-ended') this.#endings.add(runId)
        if (body.type === 'run-ended' || body.type === 'run-started') this.#readSoon()
      }),
      // Also said after each reconnection, when ends may have been missed.
      onChange('conversations', () => {
        void this.conversations.load()
        this.#readSoon()
      }),
      onChange('vault', () => this.#readSoon()),
    ]
    window.addEventListener('storage', stored)
    document.addEventListener('visibilitychange', visible)
    void this.#read()
    void this.conversations.load()
    return () => {
      for (const end of ends) end()
      clearTimeout(this.#timer)
      window.removeEventListener('storage', stored)
      document.removeEventListener('visibilitychange', visible)
      this.watch.dispose()
      this.runs.dispose()
      this.conversations.dispose()
    }
  }

  /** The person looks at this page of the app: what it shows is no news any more. */
  seen(path: string): void {
    const shown = (this.runs.value ?? []).filter(
      (run) => this.unread.has(run.id) && (pathOfRun(run) === path || path === '/welcome'),
    )
    this.markRead(shown.map(({ id }) => id))
  }

  markRead(runIds: readonly string[]): void {
    if (runIds.length === 0) return
    // Another tab may have written since.
    this.#marks = withRead(readMarks(), runIds)
    writeMarks(this.#marks)
    inboxCount.unread = this.unread.size
  }

  markAllRead(): void {
    this.markRead([...this.unread])
  }

  #readSoon(): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => void this.#read(), settleMs)
  }

  async #read(): Promise<void> {
    await this.runs.load()
    this.#marks = readMarks()
    if (document.visibilityState === 'visible') this.seen(location.pathname)
    inboxCount.unread = this.unread.size
    for (const run of this.runs.value ?? []) {
      if (run.outcome === undefined || !this.#endings.delete(run.id)) continue
      this.#ended(run)
    }
  }
}

export const inbox = new Inbox()
