import { networkInterfaces, type NetworkInterfaceInfo } from 'node:os'

/** An IPv4 address of this machine at which other devices may reach it. */
export interface LanAddress {
  readonly address: string
  readonly netmask: string
  /** The interface's name, e.g. `eth0`, `Wi-Fi`. */
  readonly interfaceName: string
}

type Interfaces = NodeJS.Dict<NetworkInterfaceInfo[]>

/**
 * Networks that are never of the internet: RFC 1918, shared address space (some hotspots and overlays), link-local,
 * loopback, and those for laboratories and examples (RFC 2544, RFC 5737).
 * `[network, prefix length]`.
 */
export const lanNetworks: readonly (readonly [network: string, bits: number])[] = [
  ['10.0.0.0', 8],
  ['172.16.0.0', 12],
  ['192.168.0.0', 16],
  ['100.64.0.0', 10],
  ['169.254.0.0', 16],
  ['127.0.0.0', 8],
  ['198.18.0.0', 15],
  ['192.0.2.0', 24],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
]

/** Container bridges, virtual machines and tunnels: nobody with a phone is there. */
const virtualNames = [
  // `bridge100` of macOS and `br0` are real: internet sharing, and a bridge somebody made by hand.
  /^(docker|veth|br-|virbr|vmnet|vboxnet|lxc|lxd|podman|cni|flannel|cali|kube|dummy|ifb)/i,
  /^(tun|tap|utun|ipsec|ppp|wg|zt|tailscale|nordlynx|gpd)/i,
  /^(awdl|llw)/i,
  /vethernet|virtualbox|vmware|hyper-v|wsl|loopback|tailscale|zerotier|wireguard|openvpn/i,
]

/**
 * Where other devices may reach this machine, best first: private networks, then public ones; virtual
 * interfaces and link-local addresses only where there is nothing else. IPv4; loopback never.
 */
export function lanAddresses(interfaces: Interfaces = networkInterfaces()): LanAddress[] {
  const ranked: { rank: number; entry: LanAddress }[] = []
  for (const [interfaceName, infos] of Object.entries(interfaces))
    for (const { family, internal, address, netmask } of infos ?? []) {
      if (family !== 'IPv4' || internal || isIn(address, '127.0.0.0', 8)) continue
      ranked.push({
        rank: rankOf(address, interfaceName),
        entry: { address, netmask, interfaceName },
      })
    }
  const real = ranked.filter(({ rank }) => rank < firstPoorRank)
  const usable = real.length > 0 ? real : ranked
  // Sorting is stable: within a rank the system's order stays.
  return usable.toSorted((a, b) => a.rank - b.rank).map(({ entry }) => entry)
}

const firstPoorRank = 2

function rankOf(address: string, name: string): number {
  if (isIn(address, '169.254.0.0', 16)) return 3
  if (virtualNames.some((pattern) => pattern.test(name))) return 2
  return isLanAddress(address) ? 0 : 1
}

/** Is this IPv4 address (or its IPv6-mapped form) one of a private network or of this machine? */
export function isLanAddress(address: string): boolean {
  const plain = address.replace(/^::ffff:/i, '')
  return lanNetworks.some(([network, bits]) => isIn(plain, network, bits))
}

/** Are two IPv4 addresses in one network by this mask? */
export function sameNetwork(a: string, b: string, netmask: string): boolean {
  const [first, second, mask] = [numberOf(a), numberOf(b), numberOf(netmask)]
  if (first === undefined || second === undefined || mask === undefined) return false
  return (first & mask) === (second & mask)
}

/** A prefix length as a mask: 8 → `255.0.0.0`. */
export function netmaskOf(bits: number): string {
  const mask = bits === 0 ? 0 : (-1 << (32 - bits)) >>> 0
  return [24, 16, 8, 0].map((shift) => (mask >>> shift) & 255).join('.')
}

function isIn(address: string, network: string, bits: number): boolean {
  return sameNetwork(address, network, netmaskOf(bits))
}

function numberOf(address: string): number | undefined {
  const parts = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(address)?.slice(1).map(Number)
  if (!parts || parts.some((part) => part > 255)) return undefined
  return parts.reduce((value, part) => value * 256 + part, 0) | 0
}

/**
 * Tells when the machine's addresses change: Wi-Fi to Ethernet, a hotspot, USB or Bluetooth tethering. The
 * system is asked every few seconds, since Node has no event for it. Its timer keeps no process alive.
 */
export class AddressWatch implements Disposable {
  readonly #read: () => LanAddress[]
  readonly #listeners = new Set<(addresses: readonly LanAddress[]) => void>()
  readonly #timer: NodeJS.Timeout
  #current: readonly LanAddress[]

  constructor(options: { intervalMs?: number; read?: () => LanAddress[] } = {}) {
    this.#read = options.read ?? (() => lanAddresses())
    this.#current = this.#read()
    this.#timer = setInterval(() => this.check(), options.intervalMs ?? 3000)
    this.#timer.unref()
  }

  /** Best first, as of the last look. */
  get addresses(): readonly LanAddress[] {
    return this.#current
  }

  /** Calls the listener with the new list at every change; the answer ends that. */
  onAddressesChanged(listener: (addresses: readonly LanAddress[]) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** Looks now. */
  check(): void {
    const next = this.#read()
    if (textOf(next) === textOf(this.#current)) return
    this.#current = next
    for (const listener of this.#listeners) listener(next)
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer)
    this.#listeners.clear()
  }
}

function textOf(addresses: readonly LanAddress[]): string {
  return addresses.map((entry) => `${entry.interfaceName} ${entry.address}/${entry.netmask}`).join()
}
