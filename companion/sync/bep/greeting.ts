import { SiloError } from '#shared/errors/silo-error.ts'
import type { ByteStream } from '#shared/fetch-stream/byte-stream.ts'
import { streamChannel, type BepChannel } from './channel.ts'
import { BepConnection, type BepTimes } from './connection.ts'
import { FrameReader } from './frames.ts'
import { writeHello, type Hello } from './hello.ts'
import { checkIdentity, proveIdentity, type BepIdentity } from './identity.ts'
import { ProtocolViolation } from './proto.ts'

/** How this device names itself. */
export interface OwnName {
  readonly deviceName: string
  readonly clientVersion: string
}

const greetMs = 15_000

/** Sends our hello and reads theirs. @throws SiloError timeout; ProtocolViolation; the signal's reason */
export async function greet(
  channel: BepChannel,
  own: Hello,
  signal: AbortSignal,
): Promise<{ hello: Hello; reader: FrameReader }> {
  const stop = Promise.withResolvers<never>()
  const give = (reason: unknown): void => {
    const error = reason instanceof Error ? reason : new SiloError('cancelled')
    channel.destroy(error)
    stop.reject(error)
  }
  const timer = setTimeout(() => give(new SiloError('timeout')), greetMs)
  const onAbort = (): void => give(signal.reason)
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    if (signal.aborted) onAbort()
    const reader = new FrameReader(channel)
    const both = async (): Promise<Hello> => {
      if (!channel.write(writeHello(own))) await channel.drained()
      return reader.hello()
    }
    return { hello: await Promise.race([both(), stop.promise]), reader }
  } catch (error) {
    channel.destroy(error instanceof Error ? error : new Error('no hello'))
    throw error
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', onAbort)
    stop.promise.catch(() => {})
  }
}

/** The protocol between Silo devices, on a stream whose both ends have proved who they are. */
export const bepProtocol = '/silo/bep/1'

/** A connection over Noise. @throws as `greet`; ProtocolViolation where they are not who they say */
export async function connectOverNoise(init: {
  readonly stream: ByteStream
  readonly identity: BepIdentity
  readonly own: OwnName
  readonly ownPeerId: string
  readonly peerId: string
  readonly signal: AbortSignal
  readonly times?: Partial<BepTimes>
}): Promise<BepConnection> {
  const { identity, own, ownPeerId, peerId } = init
  const channel = streamChannel(init.stream)
  const signature = proveIdentity(identity, ownPeerId, peerId)
  const silo = { certificate: identity.der, signature, packed: true }
  const { hello, reader } = await greet(channel, { ...own, clientName: 'silo', silo }, init.signal)
  try {
    if (!hello.silo) throw new ProtocolViolation('no identity')
    return new BepConnection({
      channel,
      reader,
      bepId: checkIdentity(hello.silo, peerId, ownPeerId),
      peerId,
      name: hello.deviceName,
      client: `${hello.clientName} ${hello.clientVersion}`.trim(),
      features: { packed: hello.silo.packed },
      ...(init.times ? { times: init.times } : {}),
    })
  } catch (error) {
    channel.destroy(error as Error)
    throw error
  }
}
