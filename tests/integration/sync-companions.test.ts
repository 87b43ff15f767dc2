import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, describe, expect, test } from 'vitest'
import { bepIdentity } from '#companion/sync/bep/identity.ts'
import { formatSyncthingId } from '#shared/domain/syncthing-id.ts'
import type { SyncState } from '#shared/protocol/sync.ts'
import { treeOf } from '#tests/tree.ts'
import { LinkDevice } from './link-device.ts'
import { startLinkHarness, type LinkHarness } from './link-harness.ts'
import { pairMembers, startMember, type TeamMember } from './team-harness.ts'

const wait = { timeout: 40_000, interval: 60 }
const launcher = fileURLToPath(new URL('../../companion/setup/silo.mjs', import.meta.url))
const closers: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'silo-sync-companions-'))
  closers.push(() => rmSync(path, { recursive: true, force: true }))
  return path
}

async function stateOf(harness: LinkHarness): Promise<SyncState> {
  return (await harness.api('/api/sync')).body.sync
}

async function member(name: string, overrides = {}): Promise<TeamMember> {
  const made = await startMember(name, { overrides })
  closers.push(() => made.close())
  return made
}

async function share(harness: LinkHarness, path: string, device: string, id = 'plans') {
  const body = { id, label: 'Plans', kind: 'files', path, type: 'sendreceive', devices: [device] }
  const answer = await harness.api('/api/sync/folders', { method: 'POST', body })
  expect(answer.status, JSON.stringify(answer.body)).toBe(201)
}

async function pair(overrides = {}) {
  const [desk, lab] = [await member('desk', overrides), await member('lab', overrides)]
  await pairMembers(desk, lab)
  const paths = [folder(), folder()] as const
  await share(desk, paths[0], lab.id)
  await share(lab, paths[1], desk.id)
  return { desk, lab, here: paths[0], there: paths[1] }
}

describe('between companions', { timeout: 120_000 }, () => {
  test('a folder is kept alike, both ways; who is taken out of it gets nothing more', async () => {
    const { desk, lab, here, there } = await pair()
    writeFileSync(join(here, 'from the desk.md'), 'one\n')
    mkdirSync(join(there, 'lab'))
    for (let at = 0; at < 300; at++)
      writeFileSync(join(there, 'lab', `note ${at}.md`), `note ${at}\n`)
    writeFileSync(join(there, 'large.bin'), Buffer.alloc(3_000_000, 'large'))
    await expect.poll(async () => Object.keys(await treeOf(here)).length, wait).toBe(303)
    await expect.poll(async () => (await treeOf(there)) as object, wait).toEqual(await treeOf(here))
    const [device] = (await stateOf(desk)).devices
    expect(device).toMatchObject({ id: lab.id, kind: 'silo', state: 'connected' })
    await expect.poll(async () => (await stateOf(desk)).folders[0], wait).toMatchObject({ condition: 'idle', needFiles: 0, percent: 100, peers: [{ deviceId: lab.id, attached: true, needFiles: 0 }] }) // prettier-ignore

    const changed = await desk.api('/api/sync/folders/plans', { method: 'PATCH', body: { devices: [] } }) // prettier-ignore
    expect(changed.status).toBe(200)
    writeFileSync(join(here, 'for nobody.md'), 'secret\n')
    await desk.api('/api/sync/folders/plans/rescan', { method: 'POST' })
    await expect
      .poll(async () => (await stateOf(lab)).folders[0]!.peers[0], wait)
      .toMatchObject({ attached: false })
    await new Promise((resolve) => setTimeout(resolve, 500))
    expect(existsSync(join(there, 'for nobody.md'))).toBe(false)

    await desk.api('/api/sync/folders/plans', { method: 'PATCH', body: { devices: [lab.id] } })
    await expect.poll(() => existsSync(join(there, 'for nobody.md')), wait).toBe(true)
  })

  test('where TLS has no way through, all of it goes over Noise', async () => {
    // TLS listens on a host that the other one does not dial.
    const { here, there } = await pair({ sync: { host: '127.0.0.2' } })
    writeFileSync(join(here, 'note.md'), 'over noise\n')
    writeFileSync(join(there, 'large.bin'), Buffer.alloc(5_000_000, 'x'))
    await expect.poll(() => existsSync(join(here, 'large.bin')) && existsSync(join(there, 'note.md')), wait).toBe(true) // prettier-ignore
    expect(readFileSync(join(there, 'note.md'), 'utf8')).toBe('over noise\n')
  })

  test('a companion that is not paired any more is cut off at once', async () => {
    const { desk, lab, here, there } = await pair()
    await expect.poll(async () => (await stateOf(desk)).devices[0]?.state, wait).toBe('connected')
    expect((await desk.api(`/api/devices/${lab.id}`, { method: 'DELETE' })).status).toBe(204)
    await expect
      .poll(async () => (await stateOf(lab)).devices[0]?.state, wait)
      .not.toBe('connected')
    expect((await stateOf(desk)).devices).toEqual([])
    writeFileSync(join(here, 'later.md'), 'later\n')
    await new Promise((resolve) => setTimeout(resolve, 700))
    expect(existsSync(join(there, 'later.md'))).toBe(false)
  })
})

describe('the API', () => {
  test('what cannot be is refused, each with its own word', async () => {
    const harness = await startLinkHarness()
    closers.push(() => harness.close())
    const other = formatSyncthingId(
      (await bepIdentity({ read: () => undefined, write() {} })).bepId,
    )
    const own = (await stateOf(harness)).deviceId
    const post = async (path: string, body: unknown) => {
      const { status, body: answer } = await harness.api(`/api/sync${path}`, {
        method: 'POST',
        body,
      })
      return [status, answer.error?.code ?? null]
    }
    const device = { id: other, name: 'tablet', addresses: ['tcp://127.0.0.1:1'] }
    expect(await post('/devices', { ...device, id: own })).toEqual([409, 'conflict'])
    expect(
      await post('/devices', {
        ...device,
        id: other.slice(0, -1) + (other.endsWith('A') ? 'B' : 'A'),
      }),
    ).toEqual([400, 'bad_request'])
    expect(await post('/devices', { ...device, addresses: ['relay://x'] })).toEqual([
      400,
      'bad_request',
    ])
    expect(await post('/devices', device)).toEqual([201, null])
    expect(await post('/devices', device)).toEqual([409, 'conflict'])
    const path = folder()
    const shared = {
      id: 'a',
      label: '',
      kind: 'files',
      path,
      type: 'sendreceive',
      devices: [other],
    }
    expect(await post('/folders', { ...shared, path: 'relative' })).toEqual([
      400,
      'path_not_absolute',
    ])
    expect(await post('/folders', { ...shared, path: join(path, 'no', 'such') })).toEqual([404, 'path_not_found']) // prettier-ignore
    expect(await post('/folders', { ...shared, path: join(harness.home, 'models') })).toEqual([409, 'sync_folder_overlaps']) // prettier-ignore
    expect(await post('/folders', { ...shared, path: tmpdir() })).toEqual([
      409,
      'sync_folder_overlaps',
    ])
    expect(await post('/folders', { ...shared, id: 'index.x' })).toEqual([400, 'bad_request'])
    expect(await post('/folders', { ...shared, devices: [own] })).toEqual([404, 'device_unknown'])
    expect(await post('/folders', shared)).toEqual([201, null])
    expect(await post('/folders', { ...shared, id: 'b', path: join(path, 'inner') })).toEqual([409, 'sync_folder_overlaps']) // prettier-ignore
    expect(existsSync(join(path, 'inner'))).toBe(false)
    expect(await post('/folders', shared)).toEqual([409, 'conflict'])
    expect(await post('/folders/none/rescan', {})).toEqual([404, 'sync_folder_unknown'])
    expect(await post('/folders/a/explode', {})).toEqual([400, 'bad_request'])
    const { folders, port, listenError } = await stateOf(harness)
    expect(folders).toMatchObject([{ id: 'a', label: 'a', path, devices: [other] }])
    expect(port).toBeGreaterThan(0)
    expect(listenError).toBeUndefined()
    const lines = { method: 'PUT', body: { lines: ['*.tmp'] } }
    expect((await harness.api('/api/sync/folders/a/ignores', lines)).body).toEqual({ lines: ['*.tmp'] }) // prettier-ignore
    expect(readFileSync(join(path, '.stignore'), 'utf8')).toBe('*.tmp\n')
  })

  test('only owners are answered', async () => {
    const harness = await startLinkHarness()
    closers.push(() => harness.close())
    for (const [role, status] of [
      ['member', 403],
      ['guest', 403],
      ['owner', 200],
    ] as const) {
      const device = await LinkDevice.create()
      closers.push(() => device.close())
      await device.pair((await harness.invite(role)).link)
      const transport = await device.transport(await harness.addresses())
      closers.push(() => transport[Symbol.asyncDispose]())
      const request = { method: 'GET', path: '/api/sync' }
      const response = await transport.request(request, AbortSignal.timeout(10_000))
      expect(response.status, role).toBe(status)
    }
  })
})

test(
  '`silo sync` names this device, adds another, shares, pauses and tells how it is',
  { timeout: 60_000 },
  async () => {
    const harness = await startLinkHarness()
    closers.push(() => harness.close())
    const silo = async (...args: string[]) => {
      const child = spawn(process.execPath, [launcher, 'sync', ...args], {
        env: { ...process.env, SILO_HOME: harness.home, SILO_PORT: '1', LC_ALL: 'C.UTF-8' },
        stdio: ['ignore', 'pipe', 'pipe'],
      })
      let said = ''
      for (const stream of [child.stdout, child.stderr]) stream.on('data', (part) => (said += part))
      const code = await new Promise((resolve) => child.once('close', resolve))
      return { code, said }
    }
    const { deviceId } = await stateOf(harness)
    expect(await silo('id')).toEqual({ code: 0, said: `${deviceId}\n` })
    const other = formatSyncthingId(
      (await bepIdentity({ read: () => undefined, write() {} })).bepId,
    )
    expect(await silo('add-device', `${other}X`)).toMatchObject({ code: 1 })
    const added = await silo(
      'add-device',
      other.toLowerCase(),
      '--name',
      'tablet',
      '--address',
      'tcp://127.0.0.1:1',
    )
    expect(added).toMatchObject({ code: 0 })
    expect(added.said).toContain(deviceId)
    const path = folder()
    expect(await silo('share', path, '--with', 'tablet', '--id', 'plans', '--label', 'Plans')).toMatchObject({ code: 0 }) // prettier-ignore
    expect(await silo('share', path, '--with', 'nobody')).toMatchObject({ code: 1 })
    await silo('pause', 'Plans')
    const paused = await silo()
    expect(paused.said).toMatch(/Plans \(plans\) · paused/)
    expect(paused.said).toMatch(/tablet · (away|connecting)/)
    await silo('resume', 'plans')
    expect((await stateOf(harness)).folders).toMatchObject([{ id: 'plans', paused: false }])
    expect(JSON.parse((await silo('unshare', 'plans', '--json')).said)).toMatchObject({
      sync: { folders: [] },
    })
  },
)
