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
async function write(table: Table, done: (rows: number) => void): Promise<void> {
  for (let round = 1; round <= rounds; round++) {
    await table.add(rowsOf(round * rowsPerAdd))
    if (round % 4 === 0) await table.delete(`id = ${round * rowsPerAdd + 1}`)
    if (round % 3 === 0) await table.optimize({ cleanupOlderThan: new Date() })
    done(round)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

/** Opens and reads what has come so far, over and over; the newest round seen. Throws where a read fails. */
async function read(
  root: string,
  until: () => boolean,
): Promise<{ reads: number; versions: number }> {
  let reads = 0
  let last = -1
  const versions = new Set<number>()
  let held: Table | undefined
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
      versions.add(await table.version())
      // A reader that opened an older version goes on reading it for a while.
      if (held && reads % 5 !== 0) expect(await held.countRows("text <> ''")).toBeGreaterThan(0)
      else held = table
      reads++
    }
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  return { reads, versions: versions.size }
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
  let writing = true
  const isOver = () => !writing
  const reading = Promise.all([read(hub.root, isOver), read(b.root, isOver)])
  reading.catch(() => {})
  let connection = second
  await write(table, (round) => {
    if (round % 8 !== 0) return
    // Now and then the reader is away.
    void connection.disconnect()
    connection = connectDevices(hub.device, b.device)
  })
  await quiet(a, hub, b)
  writing = false
  for (const { reads, versions } of await reading) {
    expect(reads).toBeGreaterThan(5)
    expect(versions).toBeGreaterThan(2)
  }
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
