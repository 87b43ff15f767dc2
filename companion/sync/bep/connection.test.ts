import { setTimeout as sleep } from 'node:timers/promises'
import { duplexPair } from 'node:stream'
import { afterEach, describe, expect, test } from 'vitest'
import { blockError, type BepHandler, type BlockRequest, type FileInfo, type FolderInCluster } from '../bep-peer.ts' // prettier-ignore
import { socketChannel } from './channel.ts'
import { BepConnection, type BepTimes } from './connection.ts'
import { frame, FrameReader } from './frames.ts'
import { messageType, writeIndex, writePackedRequest, writeRequest, writeResponse } from './messages.ts' // prettier-ignore

const none = new AbortController().signal
const hash = new Uint8Array(32)
const open: BepConnection[] = []
afterEach(async () => {
  for (const connection of open.splice(0)) await connection.close('the test is over')
})

interface Heard {
  readonly configs: (readonly FolderInCluster[])[]
  readonly indexes: { folder: string; names: string[]; full: boolean }[]
  readonly ended: string[]
}

function side(
  stream: Parameters<typeof socketChannel>[0],
  options: { packed?: boolean; times?: Partial<BepTimes> } = {},
): BepConnection {
  const channel = socketChannel(stream)
  const connection = new BepConnection({
    channel,
    reader: new FrameReader(channel),
    bepId: new Uint8Array(32),
    name: 'a',
    client: 'test',
    features: { packed: options.packed ?? true },
    ...(options.times ? { times: options.times } : {}),
  })
  open.push(connection)
  return connection
}

function listening(handler: Partial<BepHandler> = {}): BepHandler & Heard {
  const heard: Heard = { configs: [], indexes: [], ended: [] }
  return {
    ...heard,
    clusterConfig: (folders) => void heard.configs.push(folders),
    index: (folder, files, full) => void heard.indexes.push({ folder, names: files.map(({ name }) => name), full }), // prettier-ignore
    request: async ({ name, size }) =>
      name.startsWith('missing') ? { error: blockError.noSuchFile } : { data: Buffer.alloc(size, Number(name) % 251) }, // prettier-ignore
    closed: (reason) => void heard.ended.push(reason),
    ...handler,
  }
}

async function pair(left: BepHandler = listening(), right: BepHandler = listening(), options = {}) {
  const [a, b] = duplexPair()
  const one = side(a, options)
  const two = side(b, options)
  one.start(left)
  two.start(right)
  await Promise.all([one.sendClusterConfig([]), two.sendClusterConfig([])])
  return { one, two }
}

const ask = (name: string, size = 100): BlockRequest => ({ folder: 'f', name, offset: 0, size, hash, fromTemporary: false }) // prettier-ignore

/** One that speaks raw frames, and a connection that hears them. */
async function against(frames: readonly Uint8Array[][], handler = listening(), packed = true) {
  const [a, b] = duplexPair()
  b.on('error', () => {}).resume()
  const connection = side(a, { packed })
  connection.start(handler)
  for (const parts of frames) for (const part of parts) b.write(part)
  return { connection, handler, raw: b }
}
const config = frame(messageType.clusterConfig, [new Uint8Array(0)])

describe('a connection', () => {
  test('thousands of requests at once, each with its own answer, both ways', async () => {
    const { one, two } = await pair()
    const names = Array.from({ length: 5000 }, (_, at) => `${at}`)
    const both = await Promise.all(
      [one, two].map((from) => Promise.all(names.map((name) => from.request(ask(name), none)))),
    )
    for (const answers of both)
      answers.forEach((data, at) => expect(data.every((byte) => byte === at % 251)).toBe(true))
  })

  test('large blocks both ways at once do not wait for each other', async () => {
    const { one, two } = await pair()
    const size = 4 << 20
    const answers = await Promise.all(
      [one, two].flatMap((from) => Array.from({ length: 40 }, (_, at) => from.request(ask(`${at}`, size), none))), // prettier-ignore
    )
    expect(answers.every((data) => data.length === size)).toBe(true)
  })

  test('packed requests come back in order, with gaps where there is nothing', async () => {
    const { one } = await pair()
    const asked = Array.from({ length: 3000 }, (_, at) => ask(at % 100 === 7 ? `missing${at}` : `${at}`, (at % 5) * 3000)) // prettier-ignore
    asked.push(ask('3', 6 << 20))
    const answers = await one.requestMany(asked, none)
    answers.forEach((data, at) => {
      if (asked[at]!.name.startsWith('missing')) expect(data).toBeUndefined()
      else {
        expect(data).toHaveLength(asked[at]!.size)
        expect(data!.every((byte) => byte === Number(asked[at]!.name) % 251)).toBe(true)
      }
    })
  })

  test('what is missing, and what is not as long as asked, is refused', async () => {
    const short = listening({ request: async () => ({ data: Buffer.alloc(3) }) })
    const { one, two } = await pair(short)
    await expect(one.request(ask('missing'), none)).rejects.toMatchObject({ code: 'sync_block_missing' }) // prettier-ignore
    await expect(two.request(ask('1'), none)).rejects.toMatchObject({ code: 'sync_block_missing' })
    expect(await two.requestMany([ask('1')], none)).toEqual([undefined])
  })

  test('an index is split and arrives whole, in order, the first part as the beginning', async () => {
    const heard = listening()
    const { one } = await pair(undefined, heard)
    const files = Array.from({ length: 2500 }, (_, at) => file(`file ${at}`, at + 1))
    await one.sendIndex('notes', files, true)
    await one.sendIndex('empty', [], true)
    await one.sendIndex('notes', [file('later', 2501)], false)
    await expect.poll(() => heard.indexes.at(-1)?.names).toEqual(['later'])
    expect(heard.indexes.map(({ full }) => full)).toEqual([true, false, false, true, false])
    expect(heard.indexes.filter(({ folder }) => folder === 'notes').flatMap(({ names }) => names)).toEqual([...files.map(({ name }) => name), 'later']) // prettier-ignore
  })

  test('an index that takes long holds up what comes after it', async () => {
    const gate = Promise.withResolvers<void>()
    let begun = 0
    const slow = listening({
      async index() {
        begun++
        await gate.promise
      },
    })
    const { one } = await pair(undefined, slow)
    for (const at of [1, 2, 3]) await one.sendIndex('f', [file('x', at)], false)
    await expect.poll(() => begun).toBe(1)
    await sleep(50)
    expect(begun).toBe(1)
    gate.resolve()
    await expect.poll(() => begun).toBe(3)
  })

  test('a cancelled request ends with the reason, and its late answer harms nobody', async () => {
    const gate = Promise.withResolvers<void>()
    const late = listening({
      async request({ size }) {
        await gate.promise
        return { data: Buffer.alloc(size) }
      },
    })
    const { one } = await pair(undefined, late)
    const stop = new AbortController()
    const cancelled = one.request(ask('1'), stop.signal)
    stop.abort(new Error('no longer needed'))
    await expect(cancelled).rejects.toThrow('no longer needed')
    gate.resolve()
    expect(await one.request(ask('2'), none)).toHaveLength(100)
  })

  test('close says why, ends what is under way on both sides, and comes once', async () => {
    const [mine, theirs] = [listening({ request: () => new Promise(() => {}) }), listening()]
    const { one, two } = await pair(mine, theirs)
    const waiting = expect(two.request(ask('1'), none)).rejects.toMatchObject({ code: 'sync_peer_closed' }) // prettier-ignore
    await one.close('enough')
    await two.closed
    await waiting
    expect(mine.ended).toEqual(['enough'])
    expect(theirs.ended).toEqual(['closed by the other device: enough'])
    await expect(two.request(ask('1'), none)).rejects.toMatchObject({ code: 'sync_peer_closed' })
    await expect(two.sendClusterConfig([])).rejects.toMatchObject({ code: 'sync_peer_closed' })
  })

  test('pings keep a connection; silence and answers that do not come end', async () => {
    const times = { pingMs: 30, silenceMs: 400, answerMs: 100 }
    const heard = listening({ request: () => new Promise(() => {}) })
    const { one } = await pair(undefined, heard, { times })
    await expect(one.request(ask('1'), none)).rejects.toMatchObject({ code: 'timeout' })
    await sleep(600)
    expect(heard.ended).toEqual([])
    const silent = listening()
    const { connection } = await against([config], silent)
    expect(connection.silentMs).toBeLessThan(60_000)
    const [a, b] = duplexPair()
    b.resume()
    side(a, { times }).start(silent)
    await expect.poll(() => silent.ended).toEqual(['timeout'])
  })
})

const ends = async (
  frames: readonly Uint8Array[][],
  why: RegExp,
  handler?: BepHandler & Heard,
): Promise<void> => {
  // prettier-ignore
  const heard = handler ?? listening()
  const { connection } = await against(frames, heard)
  await connection.closed
  expect(heard.ended).toHaveLength(1)
  expect(heard.ended[0]).toMatch(why)
}
const oversized = (type: number, length: number): Uint8Array[] => {
  const [prefix] = frame(type, [new Uint8Array(0)])
  Buffer.from(prefix!.buffer, prefix!.byteOffset, prefix!.length).writeUInt32BE(length, prefix!.length - 4) // prettier-ignore
  return [prefix!]
}

describe('bad input', () => {
  test('garbage, and messages before the cluster config', async () => {
    await ends([[Buffer.alloc(4096, 0xff)]], /header/)
    await ends([[Buffer.from('GET / HTTP/1.1\r\n\r\n')]], /header/)
    await ends([frame(messageType.ping, [new Uint8Array(0)])], /before the cluster config/)
    await ends([frame(messageType.request, [writeRequest(1, ask('a'))])], /before the cluster/)
  })

  test('oversized messages end before their bytes are taken', async () => {
    await ends([config, oversized(messageType.index, 0x7fffffff)], /larger than allowed/)
    await ends([config, oversized(messageType.response, 20 << 20)], /larger than allowed/)
    await ends([config, oversized(42, 0xffffffff)], /larger than allowed/)
    await ends([oversized(messageType.clusterConfig, 9 << 20)], /larger than allowed/)
  })

  test('types we do not know are passed over, whatever is in them', async () => {
    const heard = listening()
    const unknown = frame(42, [Buffer.alloc(300_000, 0xff)])
    const progress = frame(messageType.downloadProgress, [Buffer.alloc(100_000, 0xff)])
    const index = frame(messageType.index, [writeIndex('f', [file('a', 1)], { last: 1, previous: 0 })]) // prettier-ignore
    await against([config, unknown, progress, index], heard)
    await expect.poll(() => heard.indexes).toEqual([{ folder: 'f', names: ['a'], full: true }])
  })

  test('answers nobody asked for, twice or of the wrong kind', async () => {
    const { connection, raw } = await against([config])
    const answer = connection.request(ask('1', 1), none)
    const respond = (): void => {
      for (const part of frame(messageType.response, [writeResponse(1, 0, 1), Buffer.of(5)])) raw.write(part) // prettier-ignore
    }
    respond()
    respond()
    expect(await answer).toEqual(Buffer.of(5))
    const wrong = connection.requestMany([ask('2', 1)], none)
    const refused = expect(wrong).rejects.toMatchObject({ code: 'sync_block_missing' })
    for (const part of frame(messageType.response, [writeResponse(2, 0, 1), Buffer.of(5)])) raw.write(part) // prettier-ignore
    await refused
    await connection.closed
  })

  test('endless answers and endless requests', async () => {
    const flood = Buffer.concat(frame(messageType.response, [writeResponse(9, 0, 0)]))
    await ends([config, [Buffer.concat(Array.from({ length: 140_000 }, () => flood))]], /nobody asked/) // prettier-ignore
    const stuck = listening({ request: () => new Promise(() => {}) })
    const request = Buffer.concat(
      frame(messageType.request, [writeRequest(1, ask('a'.repeat(500)))]),
    )
    await ends([config, [Buffer.concat(Array.from({ length: 80_000 }, () => request))]], /too many requests/, stuck) // prettier-ignore
  })

  test('a request for many things is counted by what it would send', async () => {
    const items = Array.from({ length: 1024 }, () => ask('a', 16 << 20))
    await ends(
      [config, frame(messageType.packedRequest, [writePackedRequest(1, items)])],
      /too much/,
    )
  })

  test('a compressed message that would be too large', async () => {
    const header = Buffer.from('000408001001', 'hex')
    const bomb = Buffer.concat([header, Buffer.from('0000000a', 'hex'), Buffer.from('7fffffff1f61010000ff', 'hex')]) // prettier-ignore
    await ends([[bomb]], /larger than allowed/)
  })

  test('a handler that fails ends the connection and says nothing of why', async () => {
    const failing = listening({ index: () => Promise.reject(new Error('/home/secret is full')) })
    const index = frame(messageType.index, [writeIndex('f', [], { last: 0, previous: 0 })])
    await ends([config, index], /could not be taken/, failing)
  })

  test('random bytes after a good beginning never do more than end the connection', async () => {
    let seed = 1
    const next = (): number => (seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0) >>> 16
    for (let round = 0; round < 150; round++) {
      const type = next() % 9 === 8 ? 100 + (next() % 2) : next() % 9
      const body = Buffer.from(Array.from({ length: next() % 400 }, () => next() & 0xff))
      const { connection, raw, handler } = await against([config, frame(type, [body])])
      raw.end()
      await connection.closed
      expect(handler.ended).toHaveLength(1)
    }
  })
})

function file(name: string, sequence: number): FileInfo {
  return { name, type: 0, size: 0, permissions: 0o644, noPermissions: false, modifiedS: 1, modifiedNs: 0, modifiedBy: 1n, deleted: false, invalid: false, version: [{ id: 1n, value: 1n }], sequence, blockSize: 131_072, blocks: [] } // prettier-ignore
}
