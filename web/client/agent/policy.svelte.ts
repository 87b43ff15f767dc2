import type { Capability, Grant, SwitchName, SwitchState } from '#shared/domain/capability.ts'
import { newId } from '#shared/domain/ids.ts'
import { policySchema } from '#shared/protocol/agent.ts'
import { request, send } from '#web/client/api.ts'
import { Resource } from '#web/client/resource.svelte.ts'
import { onChange, onRunEvent } from '#web/client/stream.ts'

interface PolicyNow {
  readonly grants: readonly Grant[]
  readonly switches: readonly SwitchState[]
}

/** What the agent may do without asking, and the two switches. Enforced by the companion; shown and set here. */
class Policy {
  readonly now = new Resource<PolicyNow>((signal) =>
    request('/api/policy', policySchema, { signal }),
  )
  #timer: ReturnType<typeof setTimeout> | undefined
  #users = 0
  #ends: readonly (() => void)[] = []

  /** Reads it and follows what changes, for as long as anybody wants it. Returns the end of it. */
  start(): () => void {
    if (this.#users++ === 0) {
      const again = (): void => void this.#read()
      const asked = ['approval-answer', 'run-ended']
      this.#ends = [
        onChange('settings', again),
        onChange('status', again),
        onRunEvent(({ body }) => {
          if (asked.includes(body.type)) again()
        }),
      ]
      again()
    }
    return () => {
      if (--this.#users > 0) return
      for (const end of this.#ends) end()
      clearTimeout(this.#timer)
      this.now.dispose()
    }
  }

  switch(name: SwitchName): SwitchState | undefined {
    return this.now.value?.switches.find((state) => state.name === name)
  }

  /** `minutes`: until it is off again by itself. @throws SiloError */
  async turn(name: SwitchName, on: boolean, minutes: number): Promise<void> {
    const body = on ? { on, minutes } : { on }
    await send(`/api/policy/switches/${name}`, { method: 'PUT', body })
    await this.#read()
  }

  /** @throws SiloError path_refused */
  async give(capability: Capability, resource: string): Promise<void> {
    await send('/api/policy/grants', {
      method: 'POST',
      body: { id: newId(), capability, resource },
    })
    await this.#read()
  }

  async takeBack(grantId: string): Promise<void> {
    await send(`/api/policy/grants/${encodeURIComponent(grantId)}`, { method: 'DELETE' })
    await this.#read()
  }

  async #read(): Promise<void> {
    await this.now.load()
    clearTimeout(this.#timer)
    const ends = (this.now.value?.switches ?? []).flatMap(({ on, until }) => on && until ? [until] : []) // prettier-ignore
    // A switch goes off by its own clock: nobody says so.
    if (ends.length > 0)
      this.#timer = setTimeout(
        () => void this.#read(),
        Math.min(Math.max(500, Math.min(...ends) - Date.now() + 300), 2 ** 31 - 1),
      )
  }
}

export const policy = new Policy()
