import * as v from 'valibot'
import type { Transport } from '#shared/contracts/transport.ts'
import { SiloError, fromWire, wireErrorSchema } from '#shared/errors/silo-error.ts'
import { linkInfoSchema, type LinkInfo } from '#shared/protocol/link.ts'
import { raceAddresses } from './address-race.ts'
import { planDial, roadOf } from './addresses.ts'
import { libp2pTransport } from './libp2p-transport.ts'
import { linkNode } from './node.ts'

export interface Connected {
  readonly transport: Transport
  /** The address that worked. */
  readonly address: string
  /** What the companion says of itself, and as whom it knows this device. */
  readonly info: LinkInfo
  /** WebRTC was tried and did not work where another road did. */
  readonly webrtcFailed: boolean
}

export interface Destination {
  readonly id: string
  readonly addresses: readonly string[]
  readonly lastAddress?: string | undefined
  readonly webrtcFailedAt?: number | undefined
}

/** How long one address may take until its first answer, ms. */
const attemptLimitMs = 10_000

const failureSchema = v.object({ error: wireErrorSchema })

/**
 * Connects to a paired companion by the best address that works. A connection counts from its first authorised
 * answer on: companions take connections before they know whom from.
 * @throws SiloError device_not_paired, companion_unreachable, insecure_context, device_key_unsupported, or the signal's
 * reason
 */
export async function connect(companion: Destination, signal: AbortSignal): Promise<Connected> {
  const node = await linkNode()
  const { value, address, failed } = await raceAddresses(
    planDial(companion, Date.now()),
    async (address, ended) => {
      const limited = AbortSignal.any([ended, AbortSignal.timeout(attemptLimitMs)])
      const connection = await node.dial(address, limited)
      const transport = libp2pTransport(connection)
      try {
        if (connection.remotePeer.toString() !== companion.id)
          throw new SiloError('companion_unreachable', { cause: 'another device answers there' })
        return { transport, info: await introduce(transport, limited) }
      } catch (error) {
        void transport[Symbol.asyncDispose]()
        throw error
      }
    },
    {
      signal,
      final: (error) => error instanceof SiloError && error.code === 'device_not_paired',
      discard: ({ transport }) => void transport[Symbol.asyncDispose](),
    },
  )
  const webrtcFailed = roadOf(address) !== 'webrtc' && failed.some((each) => roadOf(each) === 'webrtc') // prettier-ignore
  return { ...value, address, webrtcFailed }
}

/** The first request of a connection: who is there, and may we come in? */
async function introduce(transport: Transport, signal: AbortSignal): Promise<LinkInfo> {
  const response = await transport.request({ method: 'GET', path: '/api/link' }, signal)
  const body: unknown = await response.json().catch(() => undefined)
  const failure = v.safeParse(failureSchema, body)
  if (failure.success) throw fromWire(failure.output.error)
  const info = v.safeParse(linkInfoSchema, body)
  if (!info.success) throw new SiloError('bad_response', { cause: info.issues[0]?.message })
  return info.output
}
