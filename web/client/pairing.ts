import type { PairedDevice } from '#shared/domain/device.ts'
import type { Invitation } from '#shared/protocol/pairing.ts'
import type { Paired } from '#web/transports/pair.ts'
import { book, type KnownCompanion } from './companion-book.svelte.ts'

export interface PairAs {
  /** How the companion lists this device, e.g. `Pixel 9`. */
  readonly name: string
  /** What it says it is, e.g. `Android · Chrome`; shown, never relied on. */
  readonly platform?: string
  readonly signal: AbortSignal
}

export interface PairByCode extends PairAs {
  /** Called with the six digits to show beside those on the companion's screen. */
  onCode(code: string): void
}

export interface Pairing {
  /** Kept in the book, and chosen. */
  readonly companion: KnownCompanion
  /** This device as the companion lists it. */
  readonly device: PairedDevice
}

/**
 * Pairs with the companion an invitation comes from; takes at most half a minute.
 * @throws SiloError pairing_refused, pairing_expired, companion_unreachable, timeout, cancelled, protocol_violation,
 * insecure_context, device_key_unsupported
 */
export async function pairByLink(invitation: Invitation, as: PairAs): Promise<Pairing> {
  const { pairByLink: pair } = await import('#web/transports/pair.ts')
  return remember(await pair(invitation, as))
}

/**
 * Pairs with the companion at `address`: `192.168.1.5:7452`, a host name with or without a port, or a multiaddr.
 * Both screens show a code; the person compares and allows it on the companion, within two minutes.
 * @throws SiloError pairing_declined and as `pairByLink`; bad_request where the text is no address
 */
export async function pairByCode(address: string, as: PairByCode): Promise<Pairing> {
  const { pairByCode: pair } = await import('#web/transports/pair.ts')
  return remember(await pair(address, as))
}

async function remember(paired: Paired): Promise<Pairing> {
  const companion = await book.add(paired.companion, paired.device.role)
  return { companion, device: paired.device }
}
