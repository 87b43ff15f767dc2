import type { TransportKind } from '#shared/domain/device.ts'

/**
 * `page-only`: there is no companion to connect to, which is not a fault. `revoked`: the companion answers that
 * this device is not paired with it (any more); nothing is tried until the person pairs again or chooses another.
 */
export type ConnectionState = 'connecting' | 'online' | 'offline' | 'page-only' | 'revoked'

class Connection {
  #state = $state<ConnectionState>('connecting')
  #since = $state(Date.now())
  #signedOut = $state(false)
  #road = $state<TransportKind>()
  #companionId = $state<string>()
  #companionName = $state<string>()

  get state(): ConnectionState {
    return this.#state
  }

  /** When the state began, ms since 1970. */
  get since(): number {
    return this.#since
  }

  /** How requests reach the companion: set while it is online, and the last one while it is away. */
  get road(): TransportKind | undefined {
    return this.#road
  }

  /** The companion this page is connected to, or tries to reach. */
  get companionId(): string | undefined {
    return this.#companionId
  }

  get companionName(): string | undefined {
    return this.#companionName
  }

  /** The companion answers but does not know this browser: the start token is needed. */
  get signedOut(): boolean {
    return this.#signedOut
  }

  set(state: ConnectionState): void {
    if (state !== this.#state) this.#since = Date.now()
    this.#state = state
    if (state === 'online') this.#signedOut = false
  }

  /** Which companion it is about; undefined where none is known, e.g. before the first answer. */
  meet(companion: {
    id?: string | undefined
    name?: string | undefined
    road?: TransportKind
  }): void {
    if (companion.id !== this.#companionId) this.#companionName = undefined
    this.#companionId = companion.id
    if (companion.name !== undefined) this.#companionName = companion.name
    this.#road = companion.road
  }

  /** What the companion calls itself. */
  name(name: string): void {
    this.#companionName = name
  }

  refuse(): void {
    this.#signedOut = true
  }

  /** Another road than the own origin needs no sign-in. */
  admit(): void {
    this.#signedOut = false
  }
}

/** The one connection state of this tab. Written by the road's keeper only. */
export const connection = new Connection()
