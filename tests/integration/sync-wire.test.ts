import { createHash, randomBytes } from 'node:crypto'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { blockError, type BepHandler, type FileInfo, type FolderInCluster } from '#companion/sync/bep-peer.ts' // prettier-ignore
import type { BepConnection } from '#companion/sync/bep/connection.ts'
import { bepIdentity, shortId } from '#companion/sync/bep/identity.ts'
import { dialTls, listenTls } from '#companion/sync/bep/tls.ts'
import { formatSyncthingId, parseSyncthingId } from '#shared/domain/syncthing-id.ts'
import { Syncthing, syncthingMissing } from '#tests/syncthing.ts'

const missing = syncthingMissing()
const own = { deviceName: 'silo', clientVersion: 'test' }
const none = new AbortController().signal
const waitMs = 75_000

const closers: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

function folderOf(name: string): string {
  const path = mkdtempSync(join(tmpdir(), `silo-wire-${name}-`))
  closers.push(() => rmSync(path, { recursive: true, force: true }))
  return path
}

/** The least that can stand at the other end of a connection: files in memory, indexes kept. */
class Model implements BepHandler {
  readonly theirs = new Map<string, FileInfo>()
  readonly configs: (readonly FolderInCluster[])[] = []
  readonly mine = new Map<string, Uint8Array>()
  asked = 0
  ended = ''
  clusterConfig(folders: readonly FolderInCluster[]): void {
    this.configs.push(folders)
  }
  index(_folder: string, files: readonly FileInfo[]): void {
    for (const file of files) this.theirs.set(file.name, file)
  }
  async request({ name, offset, size }: { name: string; offset: number; size: number }) {
    this.asked++
    const data = this.mine.get(name)?.subarray(offset, offset + size)
    return data ? { data } : { error: blockError.noSuchFile }
  }
  closed(reason: string): void {
    this.ended = reason
  }
}

async function silo() {
  const identity = await bepIdentity({ read: () => undefined, write: () => {} })
  return { identity, id: formatSyncthingId(identity.bepId) }
}

async function stock(siloId: string, address: string, compression = 'metadata') {
  const path = folderOf('stock')
  const syncthing = Syncthing.create({
    home: folderOf('home'),
    devices: [{ id: siloId, address, compression }],
    folders: [{ id: 'notes', path, devices: [siloId] }],
  })
  closers.push(() => syncthing.stop())
  await syncthing.start()
  return { syncthing, path }
}

const block = 128 * 1024
function fileOf(name: string, data: Uint8Array, writer: bigint, sequence: number): FileInfo {
  const blocks = Array.from({ length: Math.max(Math.ceil(data.length / block), 1) }, (_, at) => {
    const part = data.subarray(at * block, (at + 1) * block)
    return {
      offset: at * block,
      size: part.length,
      hash: createHash('sha256').update(part).digest(),
    }
  })
  return { name, type: 0, size: data.length, permissions: 0o644, noPermissions: false, modifiedS: 1_700_000_000, modifiedNs: 5, modifiedBy: writer, deleted: false, invalid: false, version: [{ id: writer, value: 1n }], sequence, blockSize: block, blocks } // prettier-ignore
}

function cluster(ids: readonly Uint8Array[]): FolderInCluster[] {
  const devices = ids.map((id) => ({ id, name: '', maxSequence: 0, indexId: 0n }))
  return [{ id: 'notes', label: 'Notes', readOnly: false, ignorePermissions: false, ignoreDelete: false, paused: false, devices }] // prettier-ignore
}

async function download(connection: BepConnection, file: FileInfo): Promise<Buffer> {
  const parts = await Promise.all(
    file.blocks.map(
      ({ offset, size, hash }) =>
      connection.request({ folder: 'notes', name: file.name, offset, size, hash, fromTemporary: false }, none), // prettier-ignore
    ),
  )
  return Buffer.concat(parts)
}

describe('with the real Syncthing', () => {
  test('there is one', () => {
    expect(missing).toBeUndefined()
  })

  test.for(['metadata', 'always'])(
    'files go both ways over a connection that we dial, with compression %s',
    { timeout: 240_000 },
    async (compression) => {
      const { identity, id } = await silo()
      const { syncthing, path } = await stock(id, 'tcp://127.0.0.1:1', compression)
      const large = Buffer.concat([randomBytes(700_000), Buffer.alloc(900_000, 'x')])
      writeFileSync(join(path, 'Größe 大.bin'), large)
      writeFileSync(join(path, 'empty'), '')
      await syncthing.scan('notes')

      const bepId = parseSyncthingId(syncthing.id)!
      const { port } = new URL(syncthing.address.replace('tcp', 'http'))
      const connection = await dialTls({ identity, own, host: '127.0.0.1', port: Number(port), bepId }, none) // prettier-ignore
      closers.push(() => connection.close('done'))
      expect(connection.client).toMatch(/^syncthing v/)
      const model = new Model()
      connection.start(model)
      await connection.sendClusterConfig(cluster([identity.bepId, bepId]))
      await expect.poll(() => model.theirs.size, { timeout: waitMs }).toBe(2)
      expect(model.configs[0]![0]).toMatchObject({ id: 'notes', paused: false })
      const file = model.theirs.get('Größe 大.bin')!
      expect(Buffer.compare(await download(connection, file), large)).toBe(0)
      expect(model.theirs.get('empty')).toMatchObject({ size: 0, blocks: [{ size: 0 }] })
      await expect(
        connection.request({ folder: 'notes', name: 'nothing', offset: 0, size: 10, hash: new Uint8Array(32), fromTemporary: false }, none), // prettier-ignore
      ).rejects.toMatchObject({ code: 'sync_block_missing' })

      const ours = Buffer.concat([Buffer.alloc(400_000, 'ours '), randomBytes(300_000)])
      model.mine.set('from silo.bin', ours)
      await connection.sendIndex('notes', [fileOf('from silo.bin', ours, shortId(identity.bepId), 1)], true) // prettier-ignore
      const there = join(path, 'from silo.bin')
      await expect.poll(() => existsSync(there), { timeout: waitMs }).toBe(true)
      expect(Buffer.compare(readFileSync(there), ours)).toBe(0)
      expect(model.asked).toBeGreaterThan(0)
      expect(model.ended).toBe('')
    },
  )

  test(
    'it dials us, is known by its certificate, and a stranger is told apart',
    { timeout: 240_000 },
    async () => {
      const { identity, id } = await silo()
      const known = new Set<string>()
      const arrived: BepConnection[] = []
      const strangers: string[] = []
      const listener = await listenTls({
        identity,
        own,
        port: 0,
        host: '127.0.0.1',
        known: (bepId) => (known.has(formatSyncthingId(bepId)) ? {} : undefined),
        onConnection: (connection) => void arrived.push(connection),
        onStranger: ({ bepId, name }) => void strangers.push(`${formatSyncthingId(bepId)} ${name}`),
      })
      closers.push(() => listener[Symbol.asyncDispose]())
      const { syncthing } = await stock(id, `tcp://127.0.0.1:${listener.port}`)
      await expect.poll(() => strangers[0], { timeout: waitMs }).toBe(`${syncthing.id} stock`)
      expect(arrived).toEqual([])
      known.add(syncthing.id)
      await expect.poll(() => arrived.length, { timeout: waitMs }).toBe(1)
      const [connection] = arrived
      closers.push(() => connection!.close('done'))
      const model = new Model()
      connection!.start(model)
      await connection!.sendClusterConfig(
        cluster([identity.bepId, parseSyncthingId(syncthing.id)!]),
      )
      await expect.poll(() => model.configs.length, { timeout: waitMs }).toBe(1)
      await expect.poll(() => syncthing.connected(id), { timeout: waitMs }).toBe(true)
      await connection!.close('enough for today')
      await expect.poll(() => syncthing.connected(id), { timeout: waitMs }).toBe(false)
    },
  )

  test('another device at the address is not spoken to', { timeout: 240_000 }, async () => {
    const { identity, id } = await silo()
    const { syncthing } = await stock(id, 'tcp://127.0.0.1:1')
    const { port } = new URL(syncthing.address.replace('tcp', 'http'))
    await expect(
      dialTls(
        { identity, own, host: '127.0.0.1', port: Number(port), bepId: identity.bepId },
        none,
      ),
    ).rejects.toMatchObject({ code: 'peer_unreachable' })
  })
})
