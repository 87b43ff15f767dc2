import { addressesOf, addressRecords, type Message } from './name-records.ts'

export interface NameClaimOptions {
  readonly name: string
  /** Addresses of this machine on the link. */
  readonly addresses: readonly string[]
  readonly send: (message: Message) => void
  readonly onChange: () => void
  /** Factor on every pause. */
  readonly pace: number
}

/** Pauses of RFC 6762 §8, ms. */
const firstDelayMs = 250
const probeGapMs = 250
const announceGapMs = 1000
/** §8.2: the one that gives way asks again after this long. */
const deferMs = 1000
/** A name somebody else has is asked for again after this long, should its goodbye have been lost. */
const retryMs = 5 * 60_000
const probes = 3

/** One name on one link: asked for three times, then announced twice and held until somebody disputes it. */
export class NameClaim {
  readonly name: string
  readonly #options: NameClaimOptions
  #state: 'idle' | 'probing' | 'held' | 'lost' = 'idle'
  #timer: NodeJS.Timeout | undefined

  constructor(options: NameClaimOptions) {
    this.name = options.name
    this.#options = options
  }

  get state(): 'idle' | 'probing' | 'held' | 'lost' {
    return this.#state
  }

  start(): void {
    this.#probe(Math.random() * firstDelayMs)
  }

  stop(): void {
    clearTimeout(this.#timer)
    this.#state = 'idle'
  }

  /** A message heard on the link: somebody may have the name, want it, or give it back. */
  take(message: Message): void {
    if (this.#state === 'idle') return
    const records = message.type === 'response' ? message.answers : message.authorities
    // Our own voice comes back to us, and another companion of this machine says the same.
    const theirs = addressesOf(records ?? [], this.name).filter(
      (record) => !this.#options.addresses.includes(record.data),
    )
    if (theirs.length === 0) return
    if (message.type === 'response') {
      const isGoodbye = theirs.every((record) => record.ttl === 0)
      if (isGoodbye) {
        if (this.#state === 'lost') this.#probe(firstDelayMs * (1 + Math.random()))
      } else if (this.#state === 'probing') this.#lose()
      // §9: whoever finds itself disputed asks anew; the one who has the name longer answers.
      else if (this.#state === 'held') this.#probe(Math.random() * firstDelayMs)
    } else if (
      this.#state === 'probing' &&
      this.#givesWayTo(theirs.map((record) => String(record.data)))
    )
      // prettier-ignore
      this.#probe(deferMs)
  }

  /** §8.2: of two that ask at once, the one whose addresses are later wins. */
  #givesWayTo(theirs: readonly string[]): boolean {
    return sortable(this.#options.addresses).join() < sortable(theirs).join()
  }

  #probe(delayMs: number): void {
    this.#set('probing')
    let sent = 0
    const step = (): void => {
      if (sent === probes) return this.#announce(2)
      sent++
      this.#after(probeGapMs, step)
      this.#options.send({
        type: 'query',
        questions: [{ name: this.name, type: 'ANY', class: 'IN' }],
        authorities: addressRecords(this.name, this.#options.addresses, undefined, false),
      })
    }
    this.#after(delayMs, step)
  }

  #announce(times: number): void {
    this.#set('held')
    if (times > 1) this.#after(announceGapMs, () => this.#announce(times - 1))
    this.#options.send({
      type: 'response',
      answers: addressRecords(this.name, this.#options.addresses),
    })
  }

  #lose(): void {
    this.#set('lost')
    this.#after(retryMs, () => this.#probe(0))
  }

  #set(state: 'probing' | 'held' | 'lost'): void {
    const before = this.#state
    this.#state = state
    // Nobody outside tells `probing` from `lost`.
    if ((before === 'held') !== (state === 'held')) this.#options.onChange()
  }

  #after(ms: number, next: () => void): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(next, ms * this.#options.pace)
    this.#timer.unref()
  }
}

function sortable(addresses: readonly string[]): string[] {
  return addresses
    .map((address) => Buffer.from(address.split('.').map(Number)).toString('hex'))
    .toSorted()
}
