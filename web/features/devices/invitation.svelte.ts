import type { Role } from '#shared/domain/device.ts'
import { newId } from '#shared/domain/ids.ts'
import { type SiloError, toSiloError } from '#shared/errors/silo-error.ts'
import { pairingCreatedSchema, pairingResponseSchema, type Pairing } from '#shared/protocol/link.ts'
import { invitationMs } from '#shared/protocol/pairing.ts'
import { request, send } from '#web/client/api.ts'
import { onChange } from '#web/client/stream.ts'

/** The first pairing opens the companion's ports, which takes a moment (ms). */
const openLimitMs = 45_000
const tickMs = 250

/** One invitation at a time, from the code on the screen to the device that was let in. */
export class InvitationStore {
  #pairing = $state.raw<Pairing>()
  #link = $state('')
  #failure = $state.raw<SiloError>()
  #busy = $state(false)
  #answering = $state(false)
  #leftMs = $state(0)
  #endsAt = 0
  #timer: ReturnType<typeof setInterval> | undefined
  #stopWatch: (() => void) | undefined

  get pairing(): Pairing | undefined {
    return this.#pairing
  }

  /** What the QR code says. */
  get link(): string {
    return this.#link
  }

  get failure(): SiloError | undefined {
    return this.#failure
  }

  /** A new code is being made. */
  get busy(): boolean {
    return this.#busy
  }

  /** What the person said to a request is on its way. */
  get answering(): boolean {
    return this.#answering
  }

  /** Ms the code still stands. */
  get leftMs(): number {
    return this.#leftMs
  }

  /** Makes a new code, which ends the former. */
  async open(role: Role): Promise<void> {
    this.#stop()
    this.#busy = true
    this.#failure = undefined
    const id = newId()
    try {
      const { pairing, link } = await request('/api/pairings', pairingCreatedSchema, {
        method: 'POST',
        body: { id, role },
        timeoutMs: openLimitMs,
      })
      this.#pairing = pairing
      this.#link = link
      // Counted by this clock from now on: the companion's may differ.
      this.#endsAt = Date.now() + invitationMs
      this.#leftMs = invitationMs
      this.#stopWatch = onChange('devices', () => void this.#read())
      this.#timer = setInterval(() => this.#tick(), tickMs)
    } catch (cause) {
      this.#pairing = undefined
      this.#failure = toSiloError(cause, 'page')
    }
    this.#busy = false
  }

  /** Says to a device that asks by code whether it may come in. */
  async answer(allow: boolean): Promise<void> {
    const asking = this.#pairing?.request
    if (!this.#pairing || !asking) return
    this.#answering = true
    this.#failure = undefined
    try {
      const { pairing } = await request(
        `/api/pairings/${this.#pairing.id}/answer`,
        pairingResponseSchema,
        { method: 'POST', body: { deviceId: asking.deviceId, allow } },
      )
      this.#take(pairing)
    } catch (cause) {
      this.#failure = toSiloError(cause, 'page')
    }
    this.#answering = false
  }

  /** Withdraws the code, e.g. because the dialog was closed. */
  close(): void {
    const open = this.#pairing?.state === 'open' ? this.#pairing.id : undefined
    this.#stop()
    this.#pairing = undefined
    this.#link = ''
    this.#failure = undefined
    // It ends by itself within two minutes: failing to withdraw it is no news.
    if (open) void send(`/api/pairings/${open}`, { method: 'DELETE' }).catch(() => {})
  }

  async #read(): Promise<void> {
    const id = this.#pairing?.id
    if (id === undefined) return
    try {
      const { pairing } = await request(`/api/pairings/${id}`, pairingResponseSchema)
      if (this.#pairing?.id === id) this.#take(pairing)
    } catch (cause) {
      if (this.#pairing?.id === id) this.#failure = toSiloError(cause, 'page')
    }
  }

  #take(pairing: Pairing): void {
    this.#pairing = pairing
    if (pairing.state !== 'open') this.#stop()
  }

  #tick(): void {
    this.#leftMs = Math.max(0, this.#endsAt - Date.now())
    if (this.#leftMs > 0) return
    clearInterval(this.#timer)
    // A device that asked in time may still be answered: the companion knows.
    void this.#read().then(() => {
      if (this.#pairing?.state === 'open' && !this.#pairing.request)
        this.#take({ ...this.#pairing, state: 'expired' })
    })
  }

  #stop(): void {
    clearInterval(this.#timer)
    this.#stopWatch?.()
    this.#stopWatch = undefined
  }
}
