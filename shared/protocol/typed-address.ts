import { SiloError } from '#shared/errors/silo-error.ts'

/**
 * What a person types to find a companion: `192.168.1.5:7452`, a host name, an IPv6 address in brackets, or a
 * multiaddr as it stands. The others become WebSocket addresses, which both pages and companions can dial.
 * @throws SiloError bad_request
 */
export function typedAddress(text: string, defaultPort: number): string {
  const typed = text.trim().replace(/^wss?:\/\//i, '').replace(/\/+$/, '') // prettier-ignore
  if (/^\/(ip4|ip6|dns|dns4|dns6)\/[^/\s]+\/\S+$/.test(typed)) return typed
  const match = /^(?:\[([0-9a-f:.]+)\]|([a-z0-9-]+(?:\.[a-z0-9-]+)*))(?::(\d{1,5}))?$/i.exec(typed)
  const port = Number(match?.[3] ?? defaultPort)
  if (!match || port < 1 || port > 65_535)
    throw new SiloError('bad_request', { params: { detail: 'address' }, field: 'address' })
  const [, six, name = ''] = match
  const host = six ? `ip6/${six}` : /^\d+(\.\d+){3}$/.test(name) ? `ip4/${name}` : `dns/${name}`
  return `/${host}/tcp/${port}/ws`
}
