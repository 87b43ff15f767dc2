import type { Approval } from '#shared/domain/approval.ts'
import { approvalListSchema } from '#shared/protocol/agent.ts'
import { request } from '#web/client/api.ts'
import { inboxCount } from '#web/client/inbox-count.svelte.ts'
import { Resource } from '#web/client/resource.svelte.ts'
import { onChange, onRunEvent } from '#web/client/stream.ts'

/** Events come in bursts: the list is read once for one, ms. */
const settleMs = 150

/** What waits for an answer of this person, newest first; owners only. */
class OpenApprovals {
  readonly list = new Resource<Approval[]>(async (signal) => {
    const path = '/api/approvals?state=open'
    const options = { signal, timeoutMs: 60_000 }
    return (await request(path, approvalListSchema, options)).approvals
  })
  #timer: ReturnType<typeof setTimeout> | undefined

  /** Reads, and follows what changes. `onasked` hears of each question that is new from now on. Returns the end of it. */
  start(onasked: (runId: string, approvalId: string) => void): () => void {
    const ends = [
      onRunEvent(({ runId, body }) => {
        if (body.type === 'approval-request') onasked(runId, body.approvalId)
        if (['approval-request', 'approval-answer', 'run-ended'].includes(body.type)) this.#soon()
      }),
      // Said after each reconnection too, when questions may have been missed.
      onChange('status', () => this.#soon()),
    ]
    void this.#read()
    return () => {
      for (const end of ends) end()
      clearTimeout(this.#timer)
      this.list.dispose()
      inboxCount.approvals = 0
    }
  }

  /** An answer was given here: it need not be asked for again. */
  answered(id: string): void {
    const { value } = this.list
    if (!value) return
    this.list.set(value.filter((approval) => approval.id !== id))
    inboxCount.approvals = this.list.value?.length ?? 0
  }

  #soon(): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => void this.#read(), settleMs)
  }

  async #read(): Promise<void> {
    await this.list.load()
    inboxCount.approvals = this.list.value?.length ?? 0
  }
}

export const openApprovals = new OpenApprovals()
