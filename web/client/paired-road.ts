import * as v from 'valibot'
import type { Transport } from '#shared/contracts/transport.ts'
import { peerListSchema } from '#shared/protocol/link.ts'
import { movedAddresses } from '#web/transports/addresses.ts'
import { connect } from '#web/transports/connect.ts'
import { book, type KnownCompanion } from './companion-book.svelte.ts'

const peersLimitMs = 10_000
const searchLimitMs = 8000

/** Connects to a paired companion and notes in the book how, and what it says of itself and of others. */
export async function connectTo(
  companion: KnownCompanion,
  signal: AbortSignal,
): Promise<Transport> {
  const { transport, address, info, webrtcFailed } = await connect(companion, signal)
  const { name, addresses } = info.companion
  await book.update(companion.id, {
    name,
    addresses,
    role: info.role,
    ...(webrtcFailed ? { webrtcFailedAt: Date.now() } : {}),
  })
  await book.used(companion.id, address, transport.kind)
  // What it does not know of others now it may know next time.
  void learnPeers(transport).catch(() => {})
  return transport
}

/** A companion that is not where it was: the others of this browser are asked for it. */
export async function search(wanted: KnownCompanion, signal: AbortSignal): Promise<void> {
  for (const other of book.list) {
    if (other.id === wanted.id || signal.aborted) continue
    try {
      const limit = AbortSignal.any([signal, AbortSignal.timeout(searchLimitMs)])
      const { transport } = await connect(other, limit)
      await learnPeers(transport).finally(() => transport[Symbol.asyncDispose]())
    } catch {
      // That one is away too.
    }
  }
}

async function learnPeers(transport: Transport): Promise<void> {
  const response = await transport.request(
    { method: 'GET', path: '/api/peers' },
    AbortSignal.timeout(peersLimitMs),
  )
  const { peers } = v.parse(peerListSchema, await response.json())
  for (const { id, addresses } of peers) {
    const known = book.find(id)
    if (known) await book.update(id, { addresses: movedAddresses(known.addresses, addresses) })
  }
}
