import { randomBytes } from 'node:crypto'
import type { PairedDevice, Role } from '#shared/domain/device.ts'
import { SiloError, toSiloError, toWire } from '#shared/errors/silo-error.ts'
import type { ByteStream } from '#shared/fetch-stream/byte-stream.ts'
import type { Pairing } from '#shared/protocol/link.ts'
import { clientProof, commitmentTo, companionProof, randomNonce, sameText, shortCode } from '#shared/protocol/pairing-proof.ts' // prettier-ignore
import {
  invitationMs,
  invitationTries,
  pairHelloSchema,
  pairRevealSchema,
  type PairHello,
  type PairReply,
} from '#shared/protocol/pairing.ts'
import { JsonMessages } from './json-messages.ts'

const messageLimitMs = 10_000
/** Former invitations whose end can still be asked for. */
const keptPairings = 20

interface Invitation {
  readonly id: string
  readonly role: Role
  readonly secret: string
  readonly expiresAt: number
  readonly timer: NodeJS.Timeout
  tries: number
  state: Pairing['state']
  device?: PairedDevice
  request?: Pairing['request']
  /** Resolves what the person said to `request`; rejected when the invitation ends before. */
  answer?: PromiseWithResolvers<boolean>
}

export interface PairingsInit {
  readonly companionId: string
  /** Enters the device into the book. */
  admit(device: { id: string; role: Role } & Pick<PairHello, 'name' | 'kind' | 'platform'>): PairedDevice // prettier-ignore
  /** This companion as the new device will find it again. */
  self(): Extract<PairReply, { type: 'paired' }>['companion']
  onChange(pairingId: string): void
  /** How long an invitation stands, ms; tests shorten it. */
  readonly invitationMs?: number
}

/**
 * Invitations: one is open at a time, for 120 s by this process's own clock, for one device, with three tries.
 * What is on the wire is told in shared/protocol/pairing.ts.
 */
export class Pairings {
  readonly #init: PairingsInit
  readonly #all = new Map<string, Invitation>()

  constructor(init: PairingsInit) {
    this.#init = init
  }

  /** True while a device that is not in the book has something to say here. */
  get open(): boolean {
    return this.#current() !== undefined
  }

  /** Opens an invitation and ends the former one; the same id again is the same invitation. */
  create(id: string, role: Role): { readonly secret: string } {
    const known = this.#all.get(id)
    if (known) return known
    this.cancelOpen()
    const lifetime = this.#init.invitationMs ?? invitationMs
    const invitation: Invitation = {
      id,
      role,
      secret: randomBytes(16).toString('base64url'),
      expiresAt: Date.now() + lifetime,
      timer: setTimeout(() => this.#finish(invitation, 'expired'), lifetime),
      tries: 0,
      state: 'open',
    }
    invitation.timer.unref()
    this.#all.set(id, invitation)
    for (const old of [...this.#all.keys()].slice(0, -keptPairings)) this.#all.delete(old)
    this.#init.onChange(id)
    return invitation
  }

  /** @throws SiloError pairing_unknown */
  get(id: string): Omit<Pairing, 'shortAddresses'> {
    const { role, expiresAt, state, device, request } = this.#known(id)
    return { id, role, expiresAt, state, ...(device ? { device } : {}), ...(request ? { request } : {}) } // prettier-ignore
  }

  /** @throws SiloError pairing_unknown */
  cancel(id: string): void {
    const invitation = this.#known(id)
    if (invitation.state === 'open') this.#finish(invitation, 'cancelled')
  }

  cancelOpen(): void {
    const current = this.#current()
    if (current) this.#finish(current, 'cancelled')
  }

  /** What the person said to a request by code. @throws SiloError pairing_unknown, conflict where it is another's */
  answer(id: string, deviceId: string, allow: boolean): void {
    const invitation = this.#known(id)
    if (!invitation.answer || invitation.request?.deviceId !== deviceId)
      throw new SiloError('conflict', { params: { detail: 'this device no longer asks' } })
    invitation.answer.resolve(allow)
  }

  /** Serves one pairing stream to its end. Never rejects. */
  async serve(stream: ByteStream, clientId: string): Promise<void> {
    const messages = new JsonMessages(stream)
    try {
      const hello = await messages.next(pairHelloSchema, messageLimitMs)
      const reply =
        hello.proof === undefined
          ? await this.#byCode(messages, hello, clientId)
          : await this.#byLink(hello, hello.proof, clientId)
      await messages.send(reply)
      await stream.closeWrite()
    } catch (error) {
      const wire = toWire(toSiloError(error, 'pairing'))
      await messages.send({ type: 'refused', error: wire } satisfies PairReply).catch(() => {})
      await stream.closeWrite().catch(() => stream.abort(error as Error))
    }
  }

  async #byLink(hello: PairHello, proof: string, clientId: string): Promise<PairReply> {
    const ends = { companionId: this.#init.companionId, clientId }
    const invitation = this.#require()
    const expected = await clientProof(invitation.secret, ends)
    // Another device may have been let in, or the time have run out, meanwhile.
    this.#requireStillOpen(invitation)
    if (!sameText(proof, expected)) {
      this.#countTry(invitation)
      throw new SiloError('pairing_refused')
    }
    const device = this.#admit(invitation, hello, clientId)
    return {
      type: 'paired',
      device,
      companion: this.#init.self(),
      proof: await companionProof(invitation.secret, ends),
    }
  }

  async #byCode(messages: JsonMessages, hello: PairHello, clientId: string): Promise<PairReply> {
    const ends = { companionId: this.#init.companionId, clientId }
    const invitation = this.#require()
    // One at a time: two requests on the screen could be mistaken for each other.
    if (invitation.answer) throw new SiloError('pairing_refused')
    const answer = Promise.withResolvers<boolean>()
    answer.promise.catch(() => {})
    invitation.answer = answer
    try {
      const companionNonce = randomNonce()
      await messages.send({ type: 'commit', commitment: await commitmentTo(companionNonce, ends) })
      const { nonce: clientNonce } = await messages.next(pairRevealSchema, messageLimitMs)
      const code = await shortCode({ ...ends, companionNonce, clientNonce })
      this.#requireStillOpen(invitation)
      const { name, platform } = hello
      invitation.request = { deviceId: clientId, name, code, ...(platform ? { platform } : {}) }
      this.#init.onChange(invitation.id)
      await messages.send({ type: 'open', nonce: companionNonce })
      const gone = messages.over().then(() => {
        throw new SiloError('pairing_refused')
      })
      if (!(await Promise.race([answer.promise, gone]))) throw new SiloError('pairing_declined')
      this.#requireStillOpen(invitation)
      const device = this.#admit(invitation, hello, clientId)
      return { type: 'paired', device, companion: this.#init.self() }
    } finally {
      delete invitation.answer
      delete invitation.request
      if (invitation.state === 'open') this.#countTry(invitation)
      this.#init.onChange(invitation.id)
    }
  }

  /** Synchronous from the check of the state to its change: an invitation lets in one device. */
  #admit(invitation: Invitation, hello: PairHello, clientId: string): PairedDevice {
    const { name, kind, platform } = hello
    const device = this.#init.admit({ id: clientId, role: invitation.role, name, kind, ...(platform ? { platform } : {}) }) // prettier-ignore
    invitation.device = device
    this.#finish(invitation, 'paired')
    return device
  }

  #countTry(invitation: Invitation): void {
    invitation.tries++
    if (invitation.tries >= invitationTries) this.#finish(invitation, 'refused')
  }

  #finish(invitation: Invitation, state: Pairing['state']): void {
    if (invitation.state !== 'open') return
    invitation.state = state
    clearTimeout(invitation.timer)
    if (state !== 'paired') invitation.answer?.reject(this.#closedError(state))
    this.#init.onChange(invitation.id)
  }

  #current(): Invitation | undefined {
    return [...this.#all.values()].find(({ state }) => state === 'open')
  }

  #require(): Invitation {
    const current = this.#current()
    if (current) return current
    throw this.#closedError([...this.#all.values()].at(-1)?.state)
  }

  #requireStillOpen(invitation: Invitation): void {
    if (invitation.state !== 'open') throw this.#closedError(invitation.state)
  }

  #closedError(state: Pairing['state'] | undefined): SiloError {
    return new SiloError(state === 'expired' || state === undefined ? 'pairing_expired' : 'pairing_refused') // prettier-ignore
  }

  #known(id: string): Invitation {
    const invitation = this.#all.get(id)
    if (!invitation) throw new SiloError('pairing_unknown')
    return invitation
  }
}
