import type { Connection } from '@libp2p/interface'
import type { CompanionAddress, PairedDevice } from '#shared/domain/device.ts'
import { SiloError, fromWire } from '#shared/errors/silo-error.ts'
import { invitationMs, pairProtocol, type Invitation, type PairReply } from '#shared/protocol/pairing.ts' // prettier-ignore
import { clientProof, commitmentTo, companionProof, randomNonce, sameText, shortCode } from '#shared/protocol/pairing-proof.ts' // prettier-ignore
import { raceAddresses, type Candidate } from './address-race.ts'
import { planDial, typedAddress } from './addresses.ts'
import { openStream } from './open-stream.ts'
import { linkNode } from './node.ts'
import { PairMessages } from './pair-messages.ts'

export interface Paired {
  readonly companion: CompanionAddress
  readonly device: PairedDevice
}

interface PairAs {
  readonly name: string
  readonly platform?: string
  readonly signal: AbortSignal
}

/** How long the companion may take to be found, and to answer one message, ms. */
const dialLimitMs = 15_000
const answerLimitMs = 15_000
/** What a companion that has been given no other port listens on. */
const defaultLinkPort = 7452

/** See web/client/pairing.ts, which keeps what this brings home. */
export async function pairByLink(invitation: Invitation, as: PairAs): Promise<Paired> {
  try {
    return await session(planDial(invitation, Date.now()), as, async (messages, ends) => {
      if (ends.companionId !== invitation.companionId)
        throw new SiloError('companion_unreachable', { cause: 'another device answers there' })
      const proof = await clientProof(invitation.secret, ends)
      await messages.send({ ...hello(as), proof })
      const paired = expectPaired(await messages.next(answerLimitMs), ends)
      // Anybody in between could say yes; only who knows the secret can prove it.
      if (!sameText(paired.proof ?? '', await companionProof(invitation.secret, ends)))
        throw new SiloError('protocol_violation')
      return keep(paired, invitation.addresses)
    })
  } catch (error) {
    // A companion with no open invitation lets strangers in no more; by our own clock, which may be wrong, that is why.
    const unanswered = error instanceof SiloError && error.code === 'companion_unreachable'
    if (unanswered && Date.now() > invitation.expiresAt)
      throw new SiloError('pairing_expired', { cause: error })
    throw error
  }
}

/** See web/client/pairing.ts. */
export async function pairByCode(
  address: string,
  as: PairAs & { onCode(code: string): void },
): Promise<Paired> {
  const target = typedAddress(address, defaultLinkPort)
  return session([{ address: target, delayMs: 0 }], as, async (messages, ends) => {
    await messages.send(hello(as))
    const commit = expectType(await messages.next(answerLimitMs), 'commit')
    const clientNonce = randomNonce()
    await messages.send({ type: 'reveal', nonce: clientNonce })
    const { nonce: companionNonce } = expectType(await messages.next(answerLimitMs), 'open')
    if (!sameText(commit.commitment, await commitmentTo(companionNonce, ends)))
      throw new SiloError('protocol_violation')
    as.onCode(await shortCode({ ...ends, companionNonce, clientNonce }))
    const paired = expectPaired(await messages.next(invitationMs + answerLimitMs), ends)
    return keep(paired, [target])
  })
}

interface Ends {
  readonly companionId: string
  readonly clientId: string
}

/** Dials, opens the pairing stream, and closes the connection behind itself: the paired device comes back by another. */
async function session(
  candidates: readonly Candidate[],
  { signal }: PairAs,
  talk: (messages: PairMessages, ends: Ends) => Promise<Paired>,
): Promise<Paired> {
  if (signal.aborted) throw new SiloError('cancelled', { cause: signal.reason })
  const node = await linkNode()
  let connection: Connection | undefined
  try {
    const limit = AbortSignal.any([signal, AbortSignal.timeout(dialLimitMs)])
    const { value } = await raceAddresses(
      candidates,
      async (address, ended) => {
        const dialled = await node.dial(address, ended)
        try {
          return { dialled, stream: await openStream(dialled, pairProtocol, ended) }
        } catch (error) {
          dialled.abort(error as Error)
          throw error
        }
      },
      {
        signal: limit,
        final: () => false,
        discard: ({ dialled }) => dialled.abort(new Error('another address was faster')),
      },
    )
    connection = value.dialled
    const ends = { companionId: connection.remotePeer.toString(), clientId: node.id }
    return await talk(new PairMessages(value.stream, signal), ends)
  } catch (cause) {
    if (signal.aborted) throw new SiloError('cancelled', { cause })
    if (cause instanceof SiloError) throw cause
    throw new SiloError('companion_unreachable', { cause })
  } finally {
    await connection?.close({ signal: AbortSignal.timeout(1000) }).catch(() => connection?.abort(new Error('done'))) // prettier-ignore
  }
}

function hello({ name, platform }: PairAs) {
  return { type: 'hello' as const, name, kind: 'browser' as const, ...(platform ? { platform } : {}) } // prettier-ignore
}

function expectType<T extends PairReply['type']>(
  reply: PairReply,
  type: T,
): Extract<PairReply, { type: T }> {
  if (reply.type === 'refused') throw fromWire(reply.error)
  if (reply.type !== type) throw new SiloError('protocol_violation')
  return reply as Extract<PairReply, { type: T }>
}

/** The companion may name nobody but itself and us. */
function expectPaired(reply: PairReply, ends: Ends) {
  const paired = expectType(reply, 'paired')
  if (paired.companion.id !== ends.companionId || paired.device.id !== ends.clientId)
    throw new SiloError('protocol_violation')
  return paired
}

function keep(paired: Paired, reachedAt: readonly string[]): Paired {
  const { companion, device } = paired
  const addresses = companion.addresses.length > 0 ? companion.addresses : [...reachedAt]
  return { companion: { ...companion, addresses }, device }
}
