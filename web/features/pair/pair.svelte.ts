import { SiloError, toSiloError } from '#shared/errors/silo-error.ts'
import { decodeInvitation, type Invitation } from '#shared/protocol/pairing.ts'
import { pairByCode, pairByLink, type Pairing } from '#web/client/pairing.ts'
import { deviceModel, nameOf, platformOf, thisBrowser } from './device-name.ts'

/**
 * `way`: how to reach the companion is still to be said. `ready`: an invitation was read. `code`: both screens show
 * the same digits, and the companion waits for a person.
 */
export type Stage = 'way' | 'ready' | 'pairing' | 'code' | 'failed' | 'done'

/** From a link, a scan or an address to a companion in the book. */
export class PairStore {
  name = $state('')
  #stage = $state<Stage>('way')
  #invitation = $state.raw<Invitation>()
  #address = $state<string>()
  #code = $state<string>()
  #failure = $state.raw<SiloError>()
  #paired = $state.raw<Pairing>()
  #run: AbortController | undefined

  get stage(): Stage {
    return this.#stage
  }

  /** Whose companion it is, from the link. */
  get invitation(): Invitation | undefined {
    return this.#invitation
  }

  /** The address that was typed instead. */
  get address(): string | undefined {
    return this.#address
  }

  get code(): string | undefined {
    return this.#code
  }

  get failure(): SiloError | undefined {
    return this.#failure
  }

  get paired(): Pairing | undefined {
    return this.#paired
  }

  /** Puts in a name for this device unless the person has typed one. */
  async suggestName(): Promise<void> {
    const plain = nameOf(thisBrowser())
    this.name ||= plain
    const model = await deviceModel()
    if (model && this.name === plain) this.name = nameOf(thisBrowser(), model)
  }

  /** Reads a link or its fragment. @throws SiloError pairing_link_invalid */
  read(text: string): void {
    this.#invitation = decodeInvitation(text)
    this.#address = undefined
    this.#stage = 'ready'
  }

  /** Shows that a link cannot be used. */
  refuse(cause: unknown): void {
    this.cancel()
    this.#invitation = undefined
    this.#address = undefined
    this.#fail(cause)
  }

  /** Pairs by the invitation that was read. */
  async pairByLink(): Promise<void> {
    const invitation = this.#invitation
    if (!invitation) return
    await this.#attempt((as) => pairByLink(invitation, as))
  }

  /** Pairs with whoever answers at an address, by comparing digits. */
  async pairByCode(address: string): Promise<void> {
    this.#invitation = undefined
    this.#address = address.trim()
    await this.#attempt((as) =>
      pairByCode(address, {
        ...as,
        onCode: (code) => {
          this.#code = code
          this.#stage = 'code'
        },
      }),
    )
  }

  /** Tries the same again. */
  async again(): Promise<void> {
    if (this.#invitation) await this.pairByLink()
    else if (this.#address) await this.pairByCode(this.#address)
    else this.restart()
  }

  /** Back to the ways in. */
  restart(): void {
    this.cancel()
    this.#invitation = undefined
    this.#failure = undefined
    this.#stage = 'way'
  }

  /** Ends an attempt under way. */
  cancel(): void {
    this.#run?.abort()
    this.#run = undefined
  }

  async #attempt(
    pair: (as: { name: string; platform: string; signal: AbortSignal }) => Promise<Pairing>,
  ): Promise<void> {
    this.cancel()
    const run = new AbortController()
    this.#run = run
    this.#failure = undefined
    this.#code = undefined
    this.#stage = 'pairing'
    const name = this.name.trim().slice(0, 60) || nameOf(thisBrowser())
    try {
      if (!isSecureContext) throw new SiloError('insecure_context')
      const paired = await pair({ name, platform: platformOf(thisBrowser()), signal: run.signal })
      if (this.#run !== run) return
      this.#paired = paired
      this.#stage = 'done'
    } catch (cause) {
      if (this.#run === run) this.#fail(cause)
    }
  }

  #fail(cause: unknown): void {
    this.#failure = toSiloError(cause, 'page')
    this.#stage = 'failed'
  }
}
