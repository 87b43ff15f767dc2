import type { PairedDevice, Role } from '#shared/domain/device.ts'
import {
  deviceListSchema,
  deviceResponseSchema,
  peerListSchema,
  peerResponseSchema,
  type Peer,
} from '#shared/protocol/link.ts'
import { access } from '#web/client/access.svelte.ts'
import { request, send } from '#web/client/api.ts'
import { Resource } from '#web/client/resource.svelte.ts'
import { onChange } from '#web/client/stream.ts'

/** Companions come and go without a word; the list is read again this often while the page is open (ms). */
const lookAgainMs = 10_000
/** Dialling an address that does not answer takes the companion a while (ms). */
const pinLimitMs = 45_000

/** This companion's link, the devices paired with it, and the companions around it. */
export class DevicesStore {
  readonly link = access.link
  readonly devices = new Resource<PairedDevice[]>(async (signal) => {
    const { devices } = await request('/api/devices', deviceListSchema, { signal })
    return devices.toSorted(byPresence)
  })
  readonly peers = new Resource<Peer[]>(async (signal) => {
    const { peers } = await request('/api/peers', peerListSchema, { signal })
    return peers
  })

  /** Reads everything and keeps it fresh. Returns the end of it. */
  start(): () => void {
    const load = () => {
      // Only an owner may ask.
      if (access.may('owner')) void this.devices.load()
      void this.peers.load()
    }
    const stop = onChange('devices', load)
    const timer = setInterval(() => {
      if (document.visibilityState === 'visible') void this.peers.load()
    }, lookAgainMs)
    void this.link.load().then(load)
    return () => {
      stop()
      clearInterval(timer)
      this.devices.dispose()
      this.peers.dispose()
    }
  }

  async rename(id: string, name: string): Promise<void> {
    await this.#patch(id, { name })
  }

  async setRole(id: string, role: Role): Promise<void> {
    await this.#patch(id, { role })
  }

  /** Shuts a device out: its connection ends now, and it is not let in again without a new pairing. */
  async remove(id: string): Promise<void> {
    await send(`/api/devices/${encodeURIComponent(id)}`, { method: 'DELETE' })
    this.devices.set((this.devices.value ?? []).filter((device) => device.id !== id))
  }

  /** Dials a companion and keeps its address. @throws SiloError peer_unreachable, link_unavailable */
  async pin(address: string): Promise<Peer> {
    const { peer } = await request('/api/peers', peerResponseSchema, {
      method: 'POST',
      body: { address },
      timeoutMs: pinLimitMs,
    })
    this.peers.set([peer, ...(this.peers.value ?? []).filter(({ id }) => id !== peer.id)])
    return peer
  }

  /** Forgets a pinned address; the companion may be seen again by itself. */
  async unpin(id: string): Promise<void> {
    await send(`/api/peers/${encodeURIComponent(id)}`, { method: 'DELETE' })
    await this.peers.load()
  }

  async #patch(id: string, patch: { name?: string; role?: Role }): Promise<void> {
    const { device } = await request(
      `/api/devices/${encodeURIComponent(id)}`,
      deviceResponseSchema,
      { method: 'PATCH', body: patch },
    )
    this.devices.set((this.devices.value ?? []).map((known) => (known.id === id ? device : known)))
  }
}

/** Connected ones first, then the one seen last. */
function byPresence(a: PairedDevice, b: PairedDevice): number {
  return Number(b.connected) - Number(a.connected) || seenAt(b) - seenAt(a)
}

function seenAt(device: PairedDevice): number {
  return device.lastSeenAt ?? device.pairedAt
}
