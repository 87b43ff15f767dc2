import { egressListSchema, egressSumsSchema, type EgressEntry, type EgressSums } from '#shared/protocol/egress.ts' // prettier-ignore
import { toSiloError, type SiloError } from '#shared/errors/silo-error.ts'
import { request } from '#web/client/api.ts'
import { onChange } from '#web/client/stream.ts'

export type View = 'outside' | 'house' | 'refused'

const perPage = 50

/** The ledger as one view shows it: newest first, a page at a time, and the sums of all. */
export class Ledger {
  #view = $state<View>('outside')
  entries = $state.raw<readonly EgressEntry[]>()
  total = $state(0)
  sums = $state.raw<EgressSums>()
  failure = $state.raw<SiloError>()
  #turn = 0

  get view(): View {
    return this.#view
  }

  show(view: View): void {
    this.#view = view
    this.entries = undefined
    void this.load()
  }

  start(): () => void {
    void this.load()
    return onChange('settings', () => void this.load())
  }

  /** The newest; with `before`, those that follow. A later call wins. */
  async load(before?: number): Promise<void> {
    const turn = ++this.#turn
    try {
      const of = this.#view === 'refused' ? 'refused=1' : 'place=outside'
      const from = before === undefined ? '' : `&before=${before}`
      const [page, sums] = await Promise.all([
        request(`/api/egress?limit=${perPage}&${of}${from}`, egressListSchema),
        request('/api/egress/sums', egressSumsSchema),
      ])
      if (turn !== this.#turn) return
      this.entries = before === undefined ? page.entries : [...(this.entries ?? []), ...page.entries] // prettier-ignore
      this.total = page.total
      this.sums = sums
      this.failure = undefined
    } catch (cause) {
      if (turn === this.#turn) this.failure = toSiloError(cause, 'page')
    }
  }
}

/** What left on the day of `now`, of the entries at hand. */
export function ofToday(entries: readonly EgressEntry[], now: number) {
  const midnight = new Date(now).setHours(0, 0, 0, 0)
  const today = entries.filter(({ at, place, refused }) => at >= midnight && place === 'outside' && !refused) // prettier-ignore
  return {
    connections: today.reduce((sum, { connections }) => sum + Math.max(1, connections), 0),
    sent: today.reduce((sum, { sent }) => sum + sent, 0),
    received: today.reduce((sum, { received }) => sum + received, 0),
  }
}
