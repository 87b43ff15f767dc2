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

export interface NoiseInit {
  readonly stream: ByteStream
  readonly identity: BepIdentity
  readonly own: OwnName
  readonly ownPeerId: string
  readonly peerId: string
  /** Where we take TLS; 0: nowhere. */
  readonly port: number
  /** Who they are is proved from here on. */
  proved(bepId: Uint8Array): void
  /** Only for the end that opened the stream: the same connection over TLS, where there is a way. */
  direct?(bepId: Uint8Array, port: number): Promise<BepConnection>
  readonly signal: AbortSignal
  readonly times?: Partial<BepTimes>
}

/**
 * A connection with a Silo device. Noise proves who they are and which certificate is theirs; where they can be reached
 * over TLS the connection itself goes there, since that is three times as fast, and else it stays.
 * @returns undefined at the end that was called, where the other end goes over TLS
 * @throws as `greet`; ProtocolViolation where they are not who they say
 */
export async function connectOverNoise(init: NoiseInit): Promise<BepConnection | undefined> {
  const { identity, own, ownPeerId, peerId, port, signal } = init
  const channel = streamChannel(init.stream)
  const signature = proveIdentity(identity, ownPeerId, peerId)
  const silo = { certificate: identity.der, signature, packed: true, port }
  const { hello, reader } = await greet(channel, { ...own, clientName: 'silo', silo }, signal)
  try {
    if (!hello.silo) throw new ProtocolViolation('no identity')
    const bepId = checkIdentity(hello.silo, peerId, ownPeerId)
    init.proved(bepId)
    if (init.direct && hello.silo.port > 0) {
      const direct = await init.direct(bepId, hello.silo.port).catch(() => undefined)
      signal.throwIfAborted()
      if (direct) {
        void channel.end()
        return direct
      }
    }
    // They speak first here, or not at all.
    if (!init.direct && port > 0 && !(await within(reader.begun(), channel))) return undefined
    return new BepConnection({
      channel,
      reader,
      bepId,
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

/** Whoever says nothing more is gone. */
async function within(begun: Promise<boolean>, channel: BepChannel): Promise<boolean> {
  const timer = setTimeout(() => channel.destroy(new SiloError('timeout')), greetMs)
  try {
    return await begun
  } finally {
    clearTimeout(timer)
  }
}
