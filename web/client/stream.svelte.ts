export type ConnectionState = 'connecting' | 'online' | 'offline'

class Connection {
  #state = $state<ConnectionState>('connecting')
  #signedOut = $state(false)

  get state(): ConnectionState {
    return this.#state
  }

  /** The companion answers but does not know this browser: the start token is needed. */
  get signedOut(): boolean {
    return this.#signedOut
  }

  set(state: ConnectionState): void {
    this.#state = state
    if (state === 'online') this.#signedOut = false
  }

  refuse(): void {
    this.#signedOut = true
  }
}

/** Whether the event stream of this tab stands. Written by the stream only. */
export const connection = new Connection()
