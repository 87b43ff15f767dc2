import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { connect, type Table } from '@lancedb/lancedb'
import { expect, test } from 'vitest'
import { connectDevices } from '#tests/fakes/bep-pair.ts'
import { converge, quiet, replica, treeOf, type Replica } from './sync-folder-harness.ts'

const rounds = process.env['SILO_LONG_TESTS'] === '1' ? 200 : 25
const rowsPerAdd = 20
const versions = 'chunks.lance/_versions'

const rowsOf = (from: number, count = rowsPerAdd) =>
  Array.from({ length: count }, (_, i) => ({
    id: from + i,
    text: `text ${from + i}`,
    vector: [from + i, 1],
  }))

/** Adds and compacts without rest, as a companion that reads documents all day. */
async function write(table: Table, goesOn: (round: number) => boolean): Promise<void> {
  for (let round = 1; goesOn(round); round++) {
    await table.add(rowsOf(round * rowsPerAdd))
    if (round % 4 === 0) await table.delete(`id = ${round * rowsPerAdd + 1}`)
    if (round % 3 === 0) await table.optimize({ cleanupOlderThan: new Date() })
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

interface Reader {
  reads: number
  readonly versions: Set<number>
}

/** Opens and reads what has come so far, over and over. Throws where a read fails. */
async function read(root: string, reader: Reader, until: () => boolean): Promise<void> {
  let last = -1
  let held: { table: Table; until: number } | undefined
  while (!until()) {
    // Before the first manifest there is no table, whatever its directory holds already.
    if (manifestsOf(root).length > 0) {
      const folder = await connect(root)
      const table = await folder.openTable('chunks')
      const found = (await table.query().select(['id', 'text']).toArray()) as {
        id: number
        text: string
      }[]
      for (const { id, text } of found) expect(text).toBe(`text ${id}`)
      const newest = Math.max(...found.map(({ id }) => id))
      expect(newest).toBeGreaterThanOrEqual(last)
      last = newest
      reader.versions.add(await table.version())
      // A reader that opened an older version goes on reading it for a while.
      if (held && held.until > Date.now())
        expect(await held.table.countRows("text <> ''")).toBeGreaterThan(0)
      else held = { table, until: Date.now() + 1000 }
      reader.reads++
    }
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

function manifestsOf(root: string): string[] {
  return existsSync(join(root, versions))
    ? readdirSync(join(root, versions)).filter((name) => name.endsWith('.manifest'))
    : []
}

async function idsOf(root: string): Promise<number[]> {
  const table = await (await connect(root)).openTable('chunks')
  const found = (await table.query().select(['id']).toArray()) as { id: number }[]
  return found.map(({ id }) => id).toSorted((a, b) => a - b)
}

const owner = { type: 'sendonly', options: { order: 'dataset', watch: true } } as const
const holder = {
  type: 'receiveonly',
  options: { order: 'dataset', watch: true, graceS: 4 },
} as const

test('a dataset that is written and compacted meanwhile is never torn for who reads what came of it', async () => {
  await using a = await replica('owner', owner)
  await using hub = await replica('hub', holder)
  await using b = await replica('reader', holder)
  // The reader meets the hub only.
  connectDevices(a.device, hub.device, { delay: () => Math.random() * 4 })
  const second = connectDevices(hub.device, b.device, { delay: () => Math.random() * 4 })
  const folder = await connect(a.root)
  const table = await folder.createTable('chunks', rowsOf(0))
  const readers = [hub, b].map(({ root }) => ({ root, reads: 0, versions: new Set<number>() }))
  let writing = true
  const reading = Promise.all(readers.map((reader) => read(reader.root, reader, () => !writing)))
  reading.catch(() => (writing = false))
  const haveSeen = () => readers.every(({ reads, versions }) => reads > 5 && versions.size > 2)
  let connection = second
  await write(table, (round) => {
    // Now and then the reader is away.
    if (round % 8 === 0) {
      void connection.disconnect()
      connection = connectDevices(hub.device, b.device)
    }
    return writing && (round <= rounds || (!haveSeen() && round < 1000))
  })
  await quiet(a, hub, b)
  writing = false
  await reading
  expect(haveSeen()).toBe(true)
  const ids = await idsOf(a.root)
  expect(ids.length).toBeGreaterThan(rounds * (rowsPerAdd - 1))
  expect(await idsOf(hub.root)).toEqual(ids)
  expect(await idsOf(b.root)).toEqual(ids)
  await sameFiles(a, hub, b)
}, 240_000)

/** In the end, when the time for readers is over, the files are the same too. */
async function sameFiles(a: Replica, ...others: Replica[]): Promise<void> {
  const wanted = Object.keys(treeOf(a.root))
  for (const { root } of others)
    while (Object.keys(treeOf(root)).length !== wanted.length)
      await new Promise((resolve) => setTimeout(resolve, 50))
  for (const { root } of others) expect(Object.keys(treeOf(root))).toEqual(wanted)
}

test('the manifest comes after its files, whatever fails in between', async () => {
  await using a = await replica('owner', { ...owner, options: { order: 'dataset', watch: false } })
  await using b = await replica('reader', {
    ...holder,
    options: { order: 'dataset', watch: false },
  })
  const table = await (await connect(a.root)).createTable('chunks', rowsOf(0))
  await table.add(rowsOf(100))
  await a.engine.rescan()
  let broken = true
  connectDevices(a.device, b.device, {
    tamper: (_from, request, data) =>
      broken && request.name.includes('/data/') ? data.map((byte) => byte ^ 1) : data,
  })
  await quiet(a, b)
  expect(manifestsOf(b.root)).toEqual([])
  broken = false
  await b.restart()
  connectDevices(a.device, b.device)
  await converge(a, b)
  expect(manifestsOf(b.root).length).toBeGreaterThan(0)
  expect(await idsOf(b.root)).toEqual(await idsOf(a.root))
})

test('what a reader damages in its copy is got again', async () => {
  await using a = await replica('owner', { ...owner, options: { order: 'dataset', watch: false } })
  await using b = await replica('reader', {
    ...holder,
    options: { order: 'dataset', watch: false },
  })
  await (await connect(a.root)).createTable('chunks', rowsOf(0))
  connectDevices(a.device, b.device)
  await converge(a, b)
  const data = join(b.root, 'chunks.lance/data')
  for (const file of readdirSync(data)) rmSync(join(data, file))
  mkdirSync(join(b.root, 'stray'))
  await converge(a, b)
  expect(await idsOf(b.root)).toEqual(await idsOf(a.root))
  expect(treeOf(a.root)).not.toHaveProperty('stray')
  expect(Object.keys(treeOf(b.root)).filter((name) => name.includes('conflict'))).toEqual([])
})
