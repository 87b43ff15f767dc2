import type { PeerInfo } from '@libp2p/interface'
import type { Peer } from '#shared/protocol/link.ts'
import type { DeviceBook } from './device-book.ts'

/** A companion that was not heard of for this long is no longer listed, ms. */
const forgetAfterMs = 3 * 60_000
const maxSeen = 200
const maxAddresses = 12

interface Seen {
  readonly addresses: readonly string[]
  readonly at: number
}

/** The companions seen on this network or pinned by address. Being seen gives nobody a right. */
export class Peers {
  readonly #book: DeviceBook
  readonly #ownId: string
  readonly #isConnected: (id: string) => boolean
  readonly #onChange: () => void
  readonly #seen = new Map<string, Seen>()

  constructor(init: {
    book: DeviceBook
    ownId: string
    isConnected(id: string): boolean
    onChange(): void
  }) {
    this.#book = init.book
    this.#ownId = init.ownId
    this.#isConnected = init.isConnected
    this.#onChange = init.onChange
  }

  /** What mDNS, or a connection, told. */
  saw({ id, multiaddrs }: Pick<PeerInfo, 'id' | 'multiaddrs'>): void {
    const key = id.toString()
    const told = [...new Set(multiaddrs.map(String))].filter(({ length }) => length <= 512)
    const elsewhere = told.filter((address) => !address.startsWith('/ip4/127.'))
    const addresses = (elsewhere.length > 0 ? elsewhere : told)
      .slice(0, maxAddresses)
      .map((address) => (address.includes('/p2p/') ? address : `${address}/p2p/${key}`))
    if (key === this.#ownId || addresses.length === 0) return
    const known = this.#seen.get(key)
    const isNews = !known || known.addresses.join() !== addresses.join()
    this.#seen.delete(key)
    this.#seen.set(key, { addresses, at: Date.now() })
    // The network is not ours alone: whoever shouts many names drops the oldest.
    for (const old of [...this.#seen.keys()].slice(0, -maxSeen)) this.#seen.delete(old)
    if (isNews) this.#onChange()
  }

  list(): Peer[] {
    const now = Date.now()
    for (const [id, { at }] of this.#seen) if (now - at > forgetAfterMs) this.#seen.delete(id)
    const pins = new Map(this.#book.pins().map((pin) => [pin.id, pin]))
    const ids = [...new Set([...pins.keys(), ...this.#seen.keys()])]
    return ids.map((id) => {
      const seen = this.#seen.get(id)
      const pin = pins.get(id)
      const paired = this.#book.get(id)
      const addresses = [...(seen?.addresses ?? []), ...(pin ? [pin.address] : [])]
      const seenAt = seen?.at ?? pin?.seenAt
      return {
        id,
        // A name is only believed of a companion that is paired.
        name: paired?.name ?? '',
        addresses: [...new Set(addresses)],
        paired: paired !== undefined,
        pinned: pin !== undefined,
        connected: this.#isConnected(id),
        ...(seenAt === undefined ? {} : { seenAt }),
      }
    })
  }

  /** Where a companion was seen on this network, or is pinned. */
  addressesOf(id: string): string[] {
    return this.list().find((peer) => peer.id === id)?.addresses ?? []
  }

  forget(id: string): boolean {
    const seen = this.#seen.delete(id)
    return this.#book.unpin(id) || seen
  }
}
