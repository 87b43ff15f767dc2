import { basename, resolve } from 'node:path'
import { formatBytes } from '#shared/domain/byte-size.ts'
import { newId } from '#shared/domain/ids.ts'
import { parseSyncthingId, formatSyncthingId } from '#shared/domain/syncthing-id.ts'
import { errorText, SiloError } from '#shared/errors/silo-error.ts'
import { syncResponseSchema, type SyncDevice, type SyncFolder, type SyncState } from '#shared/protocol/sync.ts' // prettier-ignore
import { CompanionClient } from './client.ts'
import { required, textOption, type Invocation } from './command.ts'
import type { Terminal } from './terminal.ts'

const actions = ['status', 'id', 'add-device', 'remove-device', 'share', 'unshare', 'pause', 'resume', 'rescan'] // prettier-ignore

/** `silo sync …`: folders kept alike with other companions and with Syncthing. */
export async function sync(invocation: Invocation): Promise<void> {
  const { terminal } = invocation
  const action = invocation.positionals[0] ?? 'status'
  if (!actions.includes(action)) {
    const detail = terminal.text('unknown_command', { command: `sync ${action}` })
    throw new SiloError('bad_request', { params: { detail } })
  }
  const client = CompanionClient.find(invocation.config)
  const call = async (path = '', init = {}): Promise<SyncState> =>
    (await client.request(syncResponseSchema, `/api/sync${path}`, init)).sync
  const before = await call()
  if (action === 'status') return show(before, terminal)
  if (action === 'id') {
    if (terminal.json) terminal.document({ id: before.deviceId })
    else terminal.line(before.deviceId)
    return
  }
  const { after, said } = await change(invocation, action, before, call)
  if (terminal.json) terminal.document({ sync: after })
  else terminal.line(said)
}

type Call = (path: string, init: object) => Promise<SyncState>

async function change(
  invocation: Invocation,
  action: string,
  state: SyncState,
  call: Call,
): Promise<{ after: SyncState; said: string }> {
  const { terminal } = invocation
  const done = terminal.text('sync_done')
  if (action === 'add-device') {
    const bytes = parseSyncthingId(required(invocation, 1, 'sync_device_id'))
    if (!bytes) throw new SiloError('bad_request', { params: { detail: terminal.text('sync_device_id') }, field: 'id' }) // prettier-ignore
    const id = formatSyncthingId(bytes)
    const name = textOption(invocation, 'name') ?? id.slice(0, 7)
    const given = listOption(invocation, 'address')
    const body = { id, name, addresses: given.length > 0 ? given : ['dynamic'] }
    const after = await call('/devices', { method: 'POST', body })
    return { after, said: terminal.text('sync_device_added', { name, id: after.deviceId }) }
  }
  if (action === 'remove-device') {
    const { id } = deviceNamed(state, required(invocation, 1, 'device'))
    return { after: await call(`/devices/${id}`, { method: 'DELETE' }), said: done }
  }
  if (action === 'share') {
    const what = required(invocation, 1, 'path')
    const isNotes = what === 'notes'
    const path = resolve(what)
    const id = textOption(invocation, 'id') ?? (isNotes ? 'silo-notes' : `${slug(path)}-${newId().slice(-5)}`) // prettier-ignore
    const devices = listOption(invocation, 'with').map((name) => deviceNamed(state, name).id)
    const label = textOption(invocation, 'label') ?? (isNotes ? 'Silo' : basename(path))
    const type = textOption(invocation, 'type') ?? 'sendreceive'
    const body = { id, label, kind: isNotes ? 'notes' : 'files', type, devices, ...(isNotes ? {} : { path }) } // prettier-ignore
    const after = await call('/folders', { method: 'POST', body })
    return { after, said: terminal.text('sync_shared', { id }) }
  }
  const named = required(invocation, 1, 'sync_folder')
  const folder = state.folders.find(({ id, label }) => id === named || label === named)
  if (action === 'pause' || action === 'resume') {
    const path = folder ? `/folders/${encodeURIComponent(folder.id)}` : `/devices/${deviceNamed(state, named).id}` // prettier-ignore
    return { after: await call(path, { method: 'PATCH', body: { paused: action === 'pause' } }), said: done } // prettier-ignore
  }
  if (!folder) throw new SiloError('sync_folder_unknown')
  const path = `/folders/${encodeURIComponent(folder.id)}`
  const after = action === 'unshare' ? await call(path, { method: 'DELETE' }) : await call(`${path}/rescan`, { method: 'POST' }) // prettier-ignore
  return { after, said: done }
}

/** @throws SiloError device_unknown where it is none, or more than one */
function deviceNamed(state: SyncState, text: string): SyncDevice {
  const plain = text.toUpperCase()
  const byId = state.devices.filter(({ id }) => id === text || (plain.length >= 7 && id.startsWith(plain))) // prettier-ignore
  const found = byId.length > 0 ? byId : state.devices.filter(({ name }) => name === text)
  const [device] = found
  if (!device || found.length > 1) throw new SiloError('device_unknown')
  return device
}

function listOption({ values }: Invocation, name: string): string[] {
  const value = values[name]
  return Array.isArray(value) ? value.map(String) : []
}

function slug(path: string): string {
  return basename(path).normalize('NFC').replace(/[^\p{L}\p{N}]+/gu, '-').replace(/^-+|-+$/g, '').slice(0, 40) || 'folder' // prettier-ignore
}

function show(state: SyncState, terminal: Terminal): void {
  if (terminal.json) return terminal.document({ sync: state })
  terminal.line(`${terminal.text('sync_id')} ${state.deviceId}`)
  if (state.listenError) terminal.line(codeText(state.listenError, terminal, { port: state.port ?? '' })) // prettier-ignore
  terminal.line()
  if (state.folders.length === 0) terminal.line(terminal.text('sync_none'))
  else {
    terminal.line(terminal.text('sync_folders'))
    for (const folder of state.folders) terminal.line(`  ${folderRow(folder, terminal)}`)
  }
  if (state.devices.length > 0) terminal.line(`\n${terminal.text('sync_devices')}`)
  for (const { name, state: now, client, address, error } of state.devices)
    terminal.line(`  ${[name, terminal.text(`sync_${now}`), client, address, error && codeText(error, terminal)].filter(Boolean).join(' · ')}`) // prettier-ignore
  if (state.offers.length > 0) terminal.line(`\n${terminal.text('sync_offers')}`)
  for (const { folderId, label, deviceId } of state.offers)
    terminal.line(`  ${folderId} (${label}) · ${state.devices.find(({ id }) => id === deviceId)?.name ?? deviceId}`) // prettier-ignore
  if (state.strangers.length > 0) terminal.line(`\n${terminal.text('sync_strangers')}`)
  for (const { deviceId, name, address } of state.strangers)
    terminal.line(`  ${deviceId} · ${name} · ${address}`)
}

function folderRow(folder: SyncFolder, terminal: Terminal): string {
  const { label, id, condition, percent, files, bytes, needFiles, needBytes, problemCount, error, peers, path } = folder // prettier-ignore
  const waits = condition === 'idle' && !peers.some(({ attached }) => attached)
  const parts = [
    `${label} (${id})`,
    waits ? terminal.text('sync_waiting') : terminal.text(`sync_${condition}`),
    ...(condition === 'syncing' ? [`${percent}%`] : []),
    needFiles > 0
      ? terminal.text('sync_needs', { files: needFiles, bytes: formatBytes(needBytes) })
      : terminal.text('sync_files', { files, bytes: formatBytes(bytes) }),
    ...(error ? [codeText(error, terminal, { path })] : []),
    ...(problemCount > 0 ? [terminal.text('sync_problems', { count: problemCount })] : []),
    path,
  ]
  return parts.join(' · ')
}

function codeText(
  code: string,
  terminal: Terminal,
  params: Record<string, string | number> = {},
): string {
  // prettier-ignore
  return errorText({ code, message: code, params }, terminal.language)
}
