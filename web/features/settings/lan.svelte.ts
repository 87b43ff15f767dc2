import { type SiloError, toSiloError } from '#shared/errors/silo-error.ts'
import { lanResponseSchema, type Lan } from '#shared/protocol/lan.ts'
import { request } from '#web/client/api.ts'
import { Resource } from '#web/client/resource.svelte.ts'
import { onChange } from '#web/client/stream.ts'

/** How the companion serves the app in the local network, and the switch for it. */
export class LanStore {
  readonly lan = new Resource<Lan>(async (signal) => {
    const { lan } = await request('/api/lan', lanResponseSchema, { signal })
    return lan
  })
  #wanted = $state<boolean>()
  #failure = $state.raw<SiloError>()

  start(): () => void {
    void this.lan.load()
    const stop = onChange('settings', ({ id }) => {
      // Without an id it may be about anything, e.g. after a lost connection.
      if ((id === undefined || id === 'lan') && !this.busy) void this.lan.load()
    })
    return () => {
      stop()
      this.lan.dispose()
    }
  }

  /** What the switch shows: what is wanted while it is on the way. */
  get on(): boolean {
    const state = this.lan.value?.state
    return this.#wanted ?? (state === 'on' || state === 'starting' || state === 'failed')
  }

  get busy(): boolean {
    return this.#wanted !== undefined
  }

  /** Why the last change was not made. */
  get failure(): SiloError | undefined {
    return this.#failure
  }

  async turn(on: boolean): Promise<void> {
    if (this.busy) return
    this.#wanted = on
    this.#failure = undefined
    try {
      const body = { on }
      const { lan } = await request('/api/lan', lanResponseSchema, { method: 'PATCH', body })
      this.lan.set(lan)
    } catch (cause) {
      this.#failure = toSiloError(cause, 'page')
    }
    this.#wanted = undefined
  }
}
