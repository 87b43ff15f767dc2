import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { connectionTransport } from '#companion/link/transport.ts'
import type {
  BepHandler,
  BlockRequest,
  FileInfo,
  FolderInCluster,
} from '#companion/sync/bep-peer.ts'
import { bepIdentity } from '#companion/sync/bep/identity.ts'
import { bepProtocol, connectOverNoise } from '#companion/sync/bep/greeting.ts'
import type { Role } from '#shared/domain/device.ts'
import { newId } from '#shared/domain/ids.ts'
import { byteStream } from '#shared/fetch-stream/message-stream.ts'
import { serveFetchStream } from '#shared/fetch-stream/serve-fetch-stream.ts'
import { fetchProtocol } from '#shared/protocol/pairing.ts'
import { accessLevels, type AccessLevel, type Grant, type Subject } from '#shared/domain/sharing.ts'
import type { Loose } from './gateway-harness.ts'
import { LinkDevice } from './link-device.ts'
import { startPermissionWorld, type PermissionWorld } from './permission-world.ts'

/**
 * What a colleague's companion gets: blocks of the index over a real sync connection, and the answers to questions
 * that it puts for its own people. Every role × every grant, against a table written by hand.
 */
interface Case {
  readonly role: Role
  readonly subject?: Subject['kind']
  readonly level?: AccessLevel
  readonly copy?: boolean
}

/** By hand: [whether it is answered, whether it gets blocks]. A level answers; only the right to a copy syncs. */
function expected({
  role,
  subject,
  level,
  copy,
}: Case): readonly [answered: boolean, blocks: boolean] {
  if (role === 'owner') return [true, true]
  if (!subject || !level) return [false, false]
  if (role === 'guest' && subject === 'members') return [false, false]
  return [true, copy === true]
}

const cases: Case[] = (['owner', 'member', 'guest'] as const).flatMap((role): Case[] => [
  { role },
  ...(['device', 'group', 'members'] as const).flatMap((subject) =>
    accessLevels.flatMap((level) => [false, true].map((copy) => ({ role, subject, level, copy }))),
  ),
])

class Colleague implements BepHandler {
  readonly files = new Map<string, FileInfo>()
  listed = new Set<string>()
  clusterConfig(folders: readonly FolderInCluster[]): void {
    this.listed = new Set(folders.map(({ id }) => id))
  }
  index(_folder: string, files: readonly FileInfo[]): void {
    for (const file of files) this.files.set(file.name, file)
  }
  request(): Promise<{ error: 1 }> {
    return Promise.resolve({ error: 1 })
  }
  closed(): void {}
}

let world: PermissionWorld
let homeId: string
let collectionId: string
const groupId = newId()
const colleagues: LinkDevice[] = []
const wait = { timeout: 20_000, interval: 10 }

beforeAll(async () => {
  world = await startPermissionWorld()
  homeId = (await world.api('/api/link')).body.companion.id
  collectionId = await world.collection('Contracts')
  await world.addDocument(collectionId, 'borealis.md', 'The contract with Borealis ends in March.')
  await world.api('/api/groups', { method: 'POST', body: { id: groupId, name: 'Team' } })
}, 60_000)
afterAll(async () => {
  for (const colleague of colleagues) await colleague.close()
  await world.close()
})

function grantsOf(id: string, { subject, level, copy }: Case): Grant[] {
  if (!subject || !level) return []
  const named: Record<Subject['kind'], Subject> = {
    device: { kind: 'device', id },
    group: { kind: 'group', id: groupId },
    members: { kind: 'members' },
  }
  return [{ subject: named[subject], level, copy: copy === true }]
}

/** A companion that does not say who it is when it is asked is not kept. */
async function answerAsCompanion({ node, id }: LinkDevice): Promise<void> {
  const companion = { id, name: 'office', addresses: [] }
  const link = { companion, state: 'on', self: null, road: 'tcp', role: 'owner', appUrls: [] }
  await node.handle(fetchProtocol, (stream) => {
    serveFetchStream(
      byteStream(stream),
      async ({ url }) => url.endsWith('/api/link') ? Response.json(link) : new Response(null, { status: 204 }), // prettier-ignore
      { errorId: newId },
    ).catch(() => {})
  })
}

/** A companion of that role, with a sync connection that stands. */
async function colleagueOf(role: Role) {
  const device = await LinkDevice.create()
  colleagues.push(device)
  await answerAsCompanion(device)
  await device.pair((await world.invite(role)).link, { name: `${role} office`, kind: 'companion' })
  const connection = await device.dial(await world.addresses(), 'tcp')
  const identity = await bepIdentity({ read: () => undefined, write: () => {} })
  const peer = await connectOverNoise({
    stream: await device.stream(connection, bepProtocol),
    identity,
    own: { deviceName: 'office', clientVersion: 'test' },
    ownPeerId: device.id,
    peerId: homeId,
    port: 0,
    proved() {},
    signal: AbortSignal.timeout(20_000),
  })
  const model = new Colleague()
  peer!.start(model)
  const folder = `index.${collectionId}.${homeId}`
  const here = { id: identity.bepId, name: 'office', maxSequence: 0, indexId: 1n }
  const there = { id: peer!.bepId, name: 'home', maxSequence: 0, indexId: 0n }
  const share = { id: folder, label: folder, readOnly: false, ignorePermissions: false, ignoreDelete: false, paused: false, devices: [here, there] } // prettier-ignore
  await peer!.sendClusterConfig([share])
  // Between companions there is one connection: another one would take its place.
  return { device, peer: peer!, model, folder, transport: connectionTransport(connection) }
}

describe('a colleague’s companion', () => {
  it.each(['owner', 'member', 'guest'] as const)(
    'is answered and gets blocks as %s where the table says so, and nowhere else',
    async (role) => {
      const { device, peer, model, folder, transport } = await colleagueOf(role)
      await world.api(`/api/groups/${groupId}`, { method: 'PATCH', body: { members: [device.id] } })
      // Once it may, so that it knows what to ask for.
      await world.share(collectionId, [{ subject: { kind: 'device', id: device.id }, level: 'read', copy: true }]) // prettier-ignore
      await expect.poll(() => [...model.files.values()].some(({ size, deleted }) => size > 0 && !deleted), wait).toBe(true) // prettier-ignore
      const file = [...model.files.values()].find(({ size, deleted }) => size > 0 && !deleted)!
      const { offset, size, hash } = file.blocks[0]!
      const request: BlockRequest = { folder, name: file.name, offset, size, hash, fromTemporary: false } // prettier-ignore
      const blocks = () =>
        peer.request(request, AbortSignal.timeout(10_000)).then(
          (data) => data.length === size,
          (error: Loose) => (error.code === 'sync_block_missing' ? false : Promise.reject(error)),
        )
      const answered = async (): Promise<boolean> => {
        const body = JSON.stringify({ query: 'Borealis contract', collectionIds: [collectionId], local: true, understand: false }) // prettier-ignore
        const response = await transport.request({ method: 'POST', path: '/api/search', body }, AbortSignal.timeout(20_000)) // prettier-ignore
        const { hits = [] } = (await response.json()) as Loose
        expect(response.status === 200, `${response.status} and ${hits.length} passages`).toBe(hits.length > 0) // prettier-ignore
        return response.status === 200
      }
      const own = cases.filter((each) => each.role === role)
      expect(own).toHaveLength(25)
      for (const each of own) {
        const label = JSON.stringify(each)
        await world.share(collectionId, grantsOf(device.id, each))
        const [mayAsk, mayCopy] = expected(each)
        expect(await answered(), label).toBe(mayAsk)
        // What is taken away is so for the next message; what is given is there when both have agreed on it.
        if (mayCopy) await expect.poll(blocks, { ...wait, message: label }).toBe(true)
        else expect(await blocks(), label).toBe(false)
        if (!mayCopy) await expect.poll(() => model.listed.has(folder), { ...wait, message: label }).toBe(false) // prettier-ignore
      }
      const { entries } = (await world.api(`/api/audit?device=${device.id}&action=sync`)).body
      expect(entries.some(({ allowed }: Loose) => allowed)).toBe(true)
      expect(entries.some(({ allowed }: Loose) => !allowed)).toBe(role !== 'owner')
      await peer.close('done')
    },
    120_000,
  )
})
