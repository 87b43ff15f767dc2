import type { Role } from '#shared/domain/device.ts'
import { newId } from '#shared/domain/ids.ts'
import { type SiloError, fromWire, toSiloError } from '#shared/errors/silo-error.ts'
import { joinResponseSchema, type CreateJoin, type Join } from '#shared/protocol/team.ts'
import { request, send } from '#web/client/api.ts'
import { onChange } from '#web/client/stream.ts'

/** The companion tells of every step; this is for a step that was told of while nobody listened (ms). */
const lookAgainMs = 1500
/** The first pairing opens the companion's ports, which takes a moment (ms). */
const openLimitMs = 45_000

/** What a person typed or pasted: a pairing link, else an address where a code is compared. */
export function targetOf(text: string): CreateJoin['target'] {
  const typed = text.trim()
  return typed.includes('#') ? { by: 'link', link: typed } : { by: 'code', address: typed }
}

/** This companion on its way into another one. */
export class JoinStore {
  #join = $state.raw<Join>()
  #failure = $state.raw<SiloError>()
  #busy = $state(false)
  #stop: (() => void) | undefined

  get join(): Join | undefined {
    return this.#join
  }

  /** Why it did not begin, or how it ended. */
  get failure(): SiloError | undefined {
    return this.#failure
  }

  get busy(): boolean {
    return this.#busy
  }

  async begin(target: CreateJoin['target'], role: Role): Promise<void> {
    this.close()
    this.#busy = true
    try {
      const id = newId()
      const { join } = await request('/api/joins', joinResponseSchema, {
        method: 'POST',
        body: { id, role, target },
        timeoutMs: openLimitMs,
      })
      this.#take(join)
      const read = (): void => void this.#read(id)
      const stop = onChange('devices', read)
      const timer = setInterval(read, lookAgainMs)
      this.#stop = () => {
        stop()
        clearInterval(timer)
      }
      read()
    } catch (cause) {
      this.#failure = toSiloError(cause, 'page')
    }
    this.#busy = false
  }

  /** Gives up, or forgets how it ended. */
  close(): void {
    const going = this.#join && !isOver(this.#join) ? this.#join.id : undefined
    this.#stop?.()
    this.#stop = undefined
    this.#join = undefined
    this.#failure = undefined
    // It ends by itself: failing to give it up is no news.
    if (going) void send(`/api/joins/${going}`, { method: 'DELETE' }).catch(() => {})
  }

  async #read(id: string): Promise<void> {
    try {
      const { join } = await request(`/api/joins/${id}`, joinResponseSchema)
      if (this.#join?.id === id) this.#take(join)
    } catch (cause) {
      if (this.#join?.id === id) this.#failure = toSiloError(cause, 'page')
    }
  }

  #take(join: Join): void {
    this.#join = join
    this.#failure = join.error ? fromWire(join.error) : undefined
    if (!isOver(join)) return
    this.#stop?.()
    this.#stop = undefined
  }
}

function isOver({ state }: Join): boolean {
  return state !== 'dialling' && state !== 'comparing'
}
