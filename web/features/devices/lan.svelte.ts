import { lanResponseSchema, type Lan } from '#shared/protocol/lan.ts'
import { request } from '#web/client/api.ts'
import { Resource } from '#web/client/resource.svelte.ts'

/** Making a certificate and opening a port takes a moment (ms). */
const switchLimitMs = 45_000

/** The app over HTTPS in the local network, which a phone can open. */
export class LanStore {
  readonly lan = new Resource<Lan>(async (signal) => {
    const { lan } = await request('/api/lan', lanResponseSchema, { signal })
    return lan
  })

  /** The page that explains the certificate to a device that does not know it. */
  get installUrl(): string | undefined {
    return this.lan.value?.installUrls[0]
  }

  /** @throws SiloError lan_not_allowed, link_unavailable */
  async set(on: boolean): Promise<void> {
    const { lan } = await request('/api/lan', lanResponseSchema, {
      method: 'PATCH',
      body: { on },
      timeoutMs: switchLimitMs,
    })
    this.lan.set(lan)
  }
}
