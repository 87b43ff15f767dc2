import { SiloError } from '#shared/errors/silo-error.ts'
import type { BepPeer, BlockRequest } from '#companion/sync/bep-peer.ts'
import type { Need } from './needs.ts'

/** A peer that did not answer for this long does not count for this block, ms. */
const requestMs = 120_000
/** A peer that sent so many wrong blocks is not asked any more on this connection. */
const tolerated = 8
/** How long a device is not asked again for a file it did not give, or gave wrongly, ms. */
const missingMs = 2000
const wrongMs = 60_000

export interface Source {
  readonly peer: BepPeer
  readonly device: number
  /** Blocks it sent that were not what was asked. */
  badBlocks: number
  /** Bytes asked of it and not yet here. */
  asked: number
}

/** Whom blocks are asked of. */
export class Sources {
  readonly #sources = new Map<BepPeer, Source>()
  /** What a device turned out not to have (any more): `device/name` → until when it is not asked for it, ms since 1970. */
  readonly #lacking = new Map<string, number>()

  add(peer: BepPeer, device: number): Source {
    const source = { peer, device, badBlocks: 0, asked: 0 }
    this.#sources.set(peer, source)
    for (const key of this.#lacking.keys())
      if (key.startsWith(`${device}/`)) this.#lacking.delete(key)
    return source
  }

  remove(peer: BepPeer): void {
    this.#sources.delete(peer)
  }

  get(peer: BepPeer): Source | undefined {
    return this.#sources.get(peer)
  }

  all(): Source[] {
    return [...this.#sources.values()]
  }

  /** Connected devices that have this version, the least busy first. */
  of(need: Need): Source[] {
    return this.all()
      .filter(
        ({ device, badBlocks }) =>
          badBlocks < tolerated &&
          need.devices.includes(device) &&
          !this.#isLacking(`${device}/${need.name}`),
      )
      .toSorted((a, b) => a.asked - b.asked)
  }

  /** Ms until a connected device that has this version is asked again; undefined: none will be. */
  wait(need: Need): number | undefined {
    const times = this.all()
      .filter(({ device, badBlocks }) => badBlocks < tolerated && need.devices.includes(device))
      .map(({ device }) => this.#lacking.get(`${device}/${need.name}`) ?? 0)
    return times.length === 0 ? undefined : Math.max(0, Math.min(...times) - Date.now())
  }

  /** It does not have what it announced, or sends something else. */
  lacks(source: Source, need: Need, wrong = false): void {
    this.#lacking.set(`${source.device}/${need.name}`, Date.now() + (wrong ? wrongMs : missingMs))
    if (wrong) source.badBlocks++
  }

  #isLacking(key: string): boolean {
    const until = this.#lacking.get(key)
    if (until === undefined) return false
    if (until > Date.now()) return true
    this.#lacking.delete(key)
    return false
  }

  /** It announced this name anew. */
  announced(device: number, name: string): void {
    if (this.#lacking.size > 0) this.#lacking.delete(`${device}/${name}`)
  }

  /**
   * One block, of whoever has it; `accept` says whether the data are what was asked.
   * @throws SiloError sync_no_source; the signal's reason; what `accept` throws
   */
  async fetch(
    need: Need,
    request: BlockRequest,
    accept: (data: Uint8Array) => Promise<boolean>,
    signal: AbortSignal,
  ): Promise<void> {
    for (let failures = 0; failures < 16; failures++) {
      const [source] = this.of(need)
      if (!source) throw new SiloError('sync_no_source')
      source.asked += request.size
      let data: Uint8Array
      try {
        data = await limited(signal, (limit) => source.peer.request(request, limit))
      } catch {
        signal.throwIfAborted()
        this.lacks(source, need)
        continue
      } finally {
        source.asked -= request.size
      }
      if (data.length === request.size && (await accept(data))) return
      this.lacks(source, need, true)
    }
    throw new SiloError('sync_no_source')
  }

  /** Many small blocks of one device; undefined for each it does not give. @throws the signal's reason */
  async fetchMany(
    source: Source,
    requests: readonly BlockRequest[],
    signal: AbortSignal,
  ): Promise<(Uint8Array | undefined)[]> {
    const bytes = requests.reduce((sum, { size }) => sum + size, 0)
    source.asked += bytes
    try {
      if (source.peer.features.packed)
        return await limited(signal, (limit) => source.peer.requestMany(requests, limit))
      return await Promise.all(
        requests.map((request) =>
          limited(signal, (limit) => source.peer.request(request, limit)).catch(() => undefined),
        ),
      )
    } catch {
      signal.throwIfAborted()
      return requests.map(() => undefined)
    } finally {
      source.asked -= bytes
    }
  }
}

async function limited<T>(
  signal: AbortSignal,
  body: (limit: AbortSignal) => Promise<T>,
): Promise<T> {
  const limit = AbortSignal.any([signal, AbortSignal.timeout(requestMs)])
  limit.throwIfAborted()
  const { promise, reject } = Promise.withResolvers<never>()
  const stop = () => reject(limit.reason)
  limit.addEventListener('abort', stop, { once: true })
  try {
    return await Promise.race([body(limit), promise])
  } finally {
    limit.removeEventListener('abort', stop)
  }
}
