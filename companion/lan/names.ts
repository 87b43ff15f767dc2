import { sameNetwork, type LanAddress } from './interfaces.ts'
import { createMulticast, type Multicast } from './multicast.ts'
import { NameClaim } from './name-claim.ts'
import { addressRecords, answersFor, type Message } from './name-records.ts'

export interface NamesOptions {
  /** Wanted names, e.g. `silo.local`; a name another device has stays with it. */
  readonly names: readonly string[]
  readonly addresses: readonly LanAddress[]
  /** Said once for each link that cannot be served. */
  readonly warn: (message: string, detail: { error: unknown }) => void
  /** 5353, unless a test says otherwise. */
  readonly port?: number
  /** Shortens the pauses in tests; 1 is what RFC 6762 asks for. */
  readonly pace?: number
}

interface Link {
  readonly interfaceName: string
  readonly addresses: readonly LanAddress[]
  readonly multicast: Multicast
  readonly claims: readonly NameClaim[]
}

/**
 * Answers for names in `.local` by multicast DNS (RFC 6762), so that phones find this machine by name. Each network
 * interface is served by itself, with its own addresses. A name is asked for before it is used; one that is taken is
 * left to its owner, and asked for again when that one says goodbye. IPv4; other responders on this machine share
 * the port.
 */
export class Names implements AsyncDisposable {
  readonly #options: NamesOptions
  readonly #listeners = new Set<() => void>()
  #links: Link[] = []
  #closed = false

  constructor(options: NamesOptions) {
    this.#options = options
    this.#links = this.#open(options.addresses)
  }

  /** The names this machine has on at least one link, in the order wished for. */
  get claimed(): readonly string[] {
    return this.#options.names.filter((name) =>
      this.#links.some((link) =>
        link.claims.some((claim) => claim.name === name && claim.state === 'held'),
      ),
    )
  }

  /** Called when `claimed` may have changed; the answer ends that. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** The machine's addresses changed: links that are as before stay, others say goodbye and begin anew. */
  async setAddresses(addresses: readonly LanAddress[]): Promise<void> {
    if (this.#closed) return
    const wanted = new Map(byInterface(addresses).map((link) => [keyOf(link), link]))
    const gone = this.#links.filter((link) => !wanted.has(keyOf(link.addresses)))
    this.#links = this.#links.filter((link) => wanted.has(keyOf(link.addresses)))
    for (const link of this.#links) wanted.delete(keyOf(link.addresses))
    this.#links.push(...this.#open([...wanted.values()].flat()))
    this.#changed()
    await Promise.all(gone.map((link) => this.#end(link)))
  }

  /** Says goodbye for every name, so that nobody asks here any more. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true
    this.#listeners.clear()
    await Promise.all(this.#links.splice(0).map((link) => this.#end(link)))
  }

  #open(addresses: readonly LanAddress[]): Link[] {
    return byInterface(addresses).map((own) => {
      const { interfaceName, address } = own[0]!
      const multicast = createMulticast({ address, port: this.#options.port ?? 5353 })
      const claims = this.#options.names.map(
        (name) =>
          new NameClaim({
            name,
            addresses: own.map((entry) => entry.address),
            send: (message) => multicast.send(message),
            onChange: () => this.#changed(),
            pace: this.#options.pace ?? 1,
          }),
      )
      const link: Link = { interfaceName, addresses: own, multicast, claims }
      multicast.onFailure((error) =>
        this.#options.warn('names are not answered on a network', { error }),
      )
      multicast.onMessage((message, from) => {
        // Every socket hears what comes in on any interface; §11: only what is of this link counts.
        if (own.some((entry) => sameNetwork(entry.address, from.address, entry.netmask)))
          this.#take(link, message, from)
      })
      multicast.onReady(() => {
        for (const claim of claims) claim.start()
      })
      return link
    })
  }

  #take(link: Link, message: Message, from: { address: string; port: number }): void {
    for (const claim of link.claims) claim.take(message)
    if (message.type !== 'query') return
    const held = link.claims.filter((claim) => claim.state === 'held').map((claim) => claim.name)
    const addresses = link.addresses.map((entry) => entry.address)
    // §6.7: a resolver that does not listen on the port is answered directly, in the form of plain DNS.
    const legacy = from.port !== (this.#options.port ?? 5353)
    const answer = answersFor(message, held, addresses, legacy)
    if (answer) link.multicast.send(answer, legacy ? from : undefined)
  }

  async #end(link: Link): Promise<void> {
    const held = link.claims.filter((claim) => claim.state === 'held').map((claim) => claim.name)
    for (const claim of link.claims) claim.stop()
    const addresses = link.addresses.map((entry) => entry.address)
    const answers = held.flatMap((name) => addressRecords(name, addresses, 0))
    if (answers.length > 0) await link.multicast.sendNow({ type: 'response', answers })
    await link.multicast.close()
  }

  #changed(): void {
    for (const listener of this.#listeners) listener()
  }
}

function byInterface(addresses: readonly LanAddress[]): LanAddress[][] {
  const groups = new Map<string, LanAddress[]>()
  for (const entry of addresses) {
    const group = groups.get(entry.interfaceName)
    if (group) group.push(entry)
    else groups.set(entry.interfaceName, [entry])
  }
  return [...groups.values()]
}

function keyOf(addresses: readonly LanAddress[]): string {
  return addresses.map((entry) => `${entry.interfaceName} ${entry.address}/${entry.netmask}`).join()
}
