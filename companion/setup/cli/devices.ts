import type { PairedDevice } from '#shared/domain/device.ts'
import { SiloError } from '#shared/errors/silo-error.ts'
import { deviceListSchema, deviceResponseSchema } from '#shared/protocol/link.ts'
import { CompanionClient } from './client.ts'
import { required, type Invocation } from './command.ts'
import { roleOption } from './pair.ts'
import type { Terminal } from './terminal.ts'

/** `silo devices [list | revoke DEVICE | rename DEVICE NAME | role DEVICE ROLE]`. */
export async function devices(invocation: Invocation): Promise<void> {
  const { terminal } = invocation
  const client = CompanionClient.find(invocation.config)
  const action = invocation.positionals[0] ?? 'list'
  if (action === 'list') return list(client, terminal)
  if (!['revoke', 'rename', 'role'].includes(action)) {
    const detail = terminal.text('unknown_command', { command: `devices ${action}` })
    throw new SiloError('bad_request', { params: { detail } })
  }
  const device = await named(client, required(invocation, 1, 'device'))
  if (action === 'revoke') {
    await client.send('DELETE', `/api/devices/${device.id}`)
    if (terminal.json) terminal.document({ revoked: device.id })
    else terminal.line(terminal.text('device_revoked', { name: device.name }))
    return
  }
  const body =
    action === 'rename'
      ? { name: required(invocation, 2, 'name') }
      : { role: roleOption(invocation, required(invocation, 2, 'role')) }
  const changed = await client.request(deviceResponseSchema, `/api/devices/${device.id}`, {
    method: 'PATCH',
    body,
  })
  if (terminal.json) terminal.document(changed)
  else terminal.line(row(terminal, changed.device, 0))
}

async function list(client: CompanionClient, terminal: Terminal): Promise<void> {
  const { devices } = await client.request(deviceListSchema, '/api/devices')
  if (terminal.json) return terminal.document({ devices })
  if (devices.length === 0) return terminal.line(terminal.text('no_devices'))
  const width = Math.max(...devices.map(({ name }) => name.length))
  for (const device of devices) terminal.line(row(terminal, device, width))
}

function row(terminal: Terminal, device: PairedDevice, width: number): string {
  const { id, name, role, platform, connected, lastSeenAt, lastRoad } = device
  const seen = new Date(lastSeenAt ?? device.pairedAt).toLocaleString(
    terminal.language === 'zh' ? 'zh-CN' : 'en-GB',
    { dateStyle: 'medium', timeStyle: 'short' },
  )
  const presence = connected ? terminal.text('connected') : terminal.text('last_seen', { time: seen }) // prettier-ignore
  const where = [presence, lastRoad, platform].filter(Boolean).join(' · ')
  return [name.padEnd(width), `…${id.slice(-8)}`, terminal.text(role), where].join('  ')
}

/** A device by its id, the end of it, or its name where that is one device's only. @throws SiloError device_unknown */
async function named(client: CompanionClient, text: string): Promise<PairedDevice> {
  const { devices } = await client.request(deviceListSchema, '/api/devices')
  const end = text.replace(/^…/, '')
  const byId = devices.filter(({ id }) => id === text || (end.length >= 6 && id.endsWith(end)))
  const found = byId.length > 0 ? byId : devices.filter(({ name }) => name === text)
  const [device] = found
  if (!device || found.length > 1) throw new SiloError('device_unknown')
  return device
}
