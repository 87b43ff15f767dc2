import { hostname } from 'node:os'
import type { Connection } from '@libp2p/interface'
import type { CompanionAddress, PairedDevice, Role } from '#shared/domain/device.ts'
import { fromWire, SiloError, toSiloError, toWire } from '#shared/errors/silo-error.ts'
import { byteStream, endConnection } from '#shared/fetch-stream/message-stream.ts'
import { clientProof, commitmentTo, companionProof, randomNonce, sameText, shortCode } from '#shared/protocol/pairing-proof.ts' // prettier-ignore
import { decodeInvitation, invitationMs, pairProtocol, pairReplySchema, type PairReply } from '#shared/protocol/pairing.ts' // prettier-ignore
import type { CreateJoin, Join } from '#shared/protocol/team.ts'
import { typedAddress } from '#shared/protocol/typed-address.ts'
import { dialFirst, dialOrder } from './dial-plan.ts'
import { JsonMessages } from './json-messages.ts'

export interface JoinsInit {
  readonly ownId: string
  readonly name: string
  /** Opens the ports: who joins another is to be found by it. @throws SiloError link_unavailable */
  start(): Promise<void>
  dial(address: string, signal: AbortSignal): Promise<Connection>
  /** Where a companion that was seen on this network is. */
  seenAt(peerId: string): readonly string[]
  /** Enters the other companion into the book. */
  admit(companion: CompanionAddress, role: Role): PairedDevice
  onChange(id: string): void
}

const dialLimitMs = 15_000
const answerLimitMs = 15_000
const defaultLinkPort = 7452
/** Former joins whose end can still be asked for. */
const kept = 20

interface Ends {
  readonly companionId: string
  readonly clientId: string
}

/** This companion as the one that asks to be let in by another: the other end of pairings.ts. One at a time. */
export class Joins {
  readonly #init: JoinsInit
  readonly #all = new Map<string, { join: Join; cancel: AbortController }>()

  constructor(init: JoinsInit) {
    this.#init = init
  }

  /** Begins; the same id again is the same join. @throws SiloError pairing_link_invalid, bad_request */
  create({ id, role, target }: CreateJoin): Join {
    const known = this.#all.get(id)
    if (known) return known.join
    const invitation = target.by === 'link' ? decodeInvitation(target.link) : undefined
    if (invitation?.companionId === this.#init.ownId)
      throw new SiloError('bad_request', { params: { detail: 'this companion' }, field: 'link' })
    const addresses = target.by === 'link' ? invitation!.addresses : addressesOf(target, (peer) => this.#init.seenAt(peer)) // prettier-ignore
    this.cancelAll()
    const entry = { join: { id, role, state: 'dialling' } as Join, cancel: new AbortController() }
    this.#all.set(id, entry)
    for (const old of [...this.#all.keys()].slice(0, -kept)) this.#all.delete(old)
    const { signal } = entry.cancel
    const set = (changes: Partial<Join>): void => {
      entry.join = { ...entry.join, ...changes }
      this.#init.onChange(id)
    }
    void this.#session(addresses, signal, async (messages, ends) => {
      if (invitation) return byLink(messages, ends, invitation, this.#init.name)
      return byCode(messages, ends, this.#init.name, (code) => set({ state: 'comparing', code }))
    }).then(
      ({ companion, device }) => {
        const admitted = this.#init.admit(companion, role)
        set({ state: 'joined', device: admitted, as: device.role })
      },
      (error: unknown) => {
        if (signal.aborted) return set({ state: 'cancelled' })
        set({ state: 'failed', error: toWire(toSiloError(error, 'join')) })
      },
    )
    return entry.join
  }

  /** @throws SiloError pairing_unknown */
  get(id: string): Join {
    const entry = this.#all.get(id)
    if (!entry) throw new SiloError('pairing_unknown')
    return entry.join
  }

  /** @throws SiloError pairing_unknown */
  cancel(id: string): void {
    this.get(id)
    this.#all.get(id)?.cancel.abort(new SiloError('cancelled'))
  }

  cancelAll(): void {
    for (const { cancel } of this.#all.values()) cancel.abort(new SiloError('cancelled'))
  }

  /** Dials, speaks, and closes behind itself: the standing connection is another one. */
  async #session(
    addresses: readonly string[],
    signal: AbortSignal,
    talk: (messages: JsonMessages, ends: Ends) => Promise<Paired>,
  ): Promise<Paired> {
    await this.#init.start()
    const limit = AbortSignal.any([signal, AbortSignal.timeout(dialLimitMs)])
    const dial = (address: string, ended: AbortSignal) => this.#init.dial(address, ended)
    const dialled = await dialFirst(dialOrder(addresses), dial, {
      signal: limit,
      discard: (late) => endConnection(late, new Error('another was faster')),
    })
    const stop = (): void => endConnection(dialled, new SiloError('cancelled'))
    signal.addEventListener('abort', stop, { once: true })
    try {
      const stream = byteStream(await dialled.newStream(pairProtocol, { signal: limit }))
      const ends = { companionId: dialled.remotePeer.toString(), clientId: this.#init.ownId }
      const paired = await talk(new JsonMessages(stream), ends)
      const told = paired.companion.addresses
      const reached = dialled.remoteAddr.toString()
      return { ...paired, companion: { ...paired.companion, addresses: [...told, reached] } }
    } finally {
      signal.removeEventListener('abort', stop)
      endConnection(dialled, new Error('the pairing is over'))
    }
  }
}

type Paired = Pick<Extract<PairReply, { type: 'paired' }>, 'companion' | 'device'>

async function byLink(
  messages: JsonMessages,
  ends: Ends,
  { companionId, secret }: { companionId: string; secret: string },
  name: string,
): Promise<Paired> {
  if (ends.companionId !== companionId) throw new SiloError('protocol_violation')
  await messages.send({ ...hello(name), proof: await clientProof(secret, ends) })
  const paired = expectPaired(await messages.next(pairReplySchema, answerLimitMs), ends)
  // Anybody in between could say yes; only who knows the secret can prove it.
  if (!sameText(paired.proof ?? '', await companionProof(secret, ends)))
    throw new SiloError('protocol_violation')
  return paired
}

async function byCode(
  messages: JsonMessages,
  ends: Ends,
  name: string,
  onCode: (code: string) => void,
): Promise<Paired> {
  await messages.send(hello(name))
  const commit = expectType(await messages.next(pairReplySchema, answerLimitMs), 'commit')
  const clientNonce = randomNonce()
  await messages.send({ type: 'reveal', nonce: clientNonce })
  const { nonce } = expectType(await messages.next(pairReplySchema, answerLimitMs), 'open')
  if (!sameText(commit.commitment, await commitmentTo(nonce, ends)))
    throw new SiloError('protocol_violation')
  onCode(await shortCode({ ...ends, companionNonce: nonce, clientNonce }))
  return expectPaired(await messages.next(pairReplySchema, invitationMs + answerLimitMs), ends)
}

function hello(name: string) {
  const platform = `${process.platform} ${hostname()}`.slice(0, 120)
  return { type: 'hello' as const, name: name.slice(0, 60), kind: 'companion' as const, platform }
}

function expectType<T extends PairReply['type']>(
  reply: PairReply,
  type: T,
): Extract<PairReply, { type: T }> {
  if (reply.type === 'refused') throw fromWire(reply.error)
  if (reply.type !== type) throw new SiloError('protocol_violation')
  return reply as Extract<PairReply, { type: T }>
}

/** The other companion may name nobody but itself and us. */
function expectPaired(reply: PairReply, ends: Ends) {
  const paired = expectType(reply, 'paired')
  if (paired.companion.id !== ends.companionId || paired.device.id !== ends.clientId)
    throw new SiloError('protocol_violation')
  return paired
}

function addressesOf(
  target: Exclude<CreateJoin['target'], { by: 'link' }>,
  seenAt: (peerId: string) => readonly string[],
): readonly string[] {
  if (target.by === 'code') return [typedAddress(target.address, defaultLinkPort)]
  const addresses = seenAt(target.peerId)
  if (addresses.length === 0) throw new SiloError('device_unknown', { field: 'peerId' })
  return addresses
}
