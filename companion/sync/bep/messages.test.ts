import { describe, expect, test } from 'vitest'
import type { FileInfo } from '../bep-peer.ts'
import * as messages from './messages.ts'
import { helloLength, readHello, writeHello } from './hello.ts'
import { ProtoReader, ProtoWriter } from './proto.ts'

const hash = Uint8Array.from({ length: 32 }, (_, at) => at)
const file: FileInfo = {
  name: 'Verträge/契約 2026.md',
  type: 0,
  size: 5_000_000_000,
  permissions: 0o644,
  noPermissions: false,
  modifiedS: -5,
  modifiedNs: 999_999_999,
  modifiedBy: 0xfedcba9876543210n,
  deleted: false,
  invalid: false,
  version: [
    { id: 0xffffffffffffffffn, value: 1n },
    { id: 1n, value: 1_700_000_000n },
  ],
  sequence: 9_007_199_254_740_991,
  blockSize: 16 << 20,
  blocks: [
    { offset: 0, size: 16 << 20, hash },
    { offset: 4_999_999_999, size: 1, hash },
  ],
  blocksHash: hash,
}

describe('messages of the Block Exchange Protocol', () => {
  test('an index comes back as it was', () => {
    const link: FileInfo = { ...file, name: 'link', type: 4, size: 0, blocks: [], symlinkTarget: '../x', deleted: false, noPermissions: true } // prettier-ignore
    const bytes = messages.writeIndex('notes', [file, link], { last: 7, previous: 3 })
    const read = messages.readIndex(bytes)
    expect(read.folder).toBe('notes')
    expect(read.files.map(plain)).toEqual([file, link].map(plain))
  })

  test('the bytes are those that Syncthing would write', () => {
    // {id: 1, folder: "f", name: "a", offset: 131072, size: 10, hash: 01 02, from_temporary: true}
    const bytes = messages.writeRequest(1, { folder: 'f', name: 'a', offset: 131_072, size: 10, hash: Uint8Array.of(1, 2), fromTemporary: true }) // prettier-ignore
    expect(bytes.toString('hex')).toBe(
      '08011201661a01612080800828 0a3202010238 01'.replaceAll(' ', ''),
    )
    expect(plain(messages.readRequest(bytes))).toEqual(
      plain({ id: 1, folder: 'f', name: 'a', offset: 131_072, size: 10, hash: Uint8Array.of(1, 2), fromTemporary: true }), // prettier-ignore
    )
    expect(messages.writeResponse(300, 2, 0).toString('hex')).toBe('08ac021802')
    expect(messages.writeClose('bye').toString('hex')).toBe('0a03627965')
  })

  test('a cluster config of either generation is understood', () => {
    const config = [
      { id: 'notes', label: 'Notes', readOnly: true, ignorePermissions: true, ignoreDelete: false, paused: true, devices: [{ id: hash, name: 'desk', maxSequence: 12, indexId: 0x8000000000000001n }] }, // prettier-ignore
    ]
    expect(plain(messages.readClusterConfig(messages.writeClusterConfig(config)))).toEqual(plain(config)) // prettier-ignore
    // Syncthing 2: field 3 is the type (2: receive-only), field 7 why it stopped.
    const newer = new ProtoWriter().message(1, (to) => void to.string(1, 'n').int(3, 2).int(7, 1)).finish() // prettier-ignore
    expect(messages.readClusterConfig(newer)[0]).toMatchObject({ readOnly: false, paused: true })
  })

  test('fields and types that we do not know are passed over', () => {
    const writer = new ProtoWriter()
      .int(1, 5)
      .message(99, (to) => void to.int(1, 1))
      .int(2000, 7)
    expect(messages.readResponse(writer.finish())).toMatchObject({ id: 5, code: 0 })
  })

  test('a hello with and without what only Silo says', () => {
    const silo = { certificate: hash, signature: Uint8Array.of(9), packed: true, port: 7455 }
    for (const hello of [
      { deviceName: 'büro', clientName: 'silo', clientVersion: '1' },
      { deviceName: '', clientName: 'silo', clientVersion: '1', silo },
    ]) {
      const bytes = writeHello(hello)
      expect(helloLength(bytes.subarray(0, 6))).toBe(bytes.length - 6)
      expect(plain(readHello(bytes.subarray(6)))).toEqual(plain(hello))
    }
    for (const start of ['47455420', '0001000100', '9f79bc40'])
      expect(() => helloLength(Buffer.from(start.padEnd(12, '0'), 'hex'))).toThrow()
    expect(() => helloLength(Buffer.from('2ea7d90bffff', 'hex'))).toThrow('too long')
  })

  test('packed requests and answers', () => {
    const items = Array.from({ length: 500 }, (_, at) => ({ folder: at < 400 ? 'a' : 'b', name: `n${at}`, offset: at, size: at, hash, fromTemporary: false })) // prettier-ignore
    const read = messages.readPackedRequest(messages.writePackedRequest(3, items))
    expect(plain(read)).toEqual(plain({ id: 3, items: items.map((item) => ({ id: 0, ...item })) }))
    const answers = [{ data: Buffer.alloc(200, 7) }, { error: 2 as const }, { data: new Uint8Array(0) }] // prettier-ignore
    expect(plain(messages.readPackedResponse(messages.writePackedResponse(4, answers)))).toEqual(plain({ id: 4, answers })) // prettier-ignore
  })

  test('more than may be is refused', () => {
    const request = { folder: 'f', name: 'a', offset: 0, size: 0, hash, fromTemporary: false }
    for (const change of [{ size: 17 << 20 }, { size: -1 }, { offset: -1 }])
      expect(() => messages.readRequest(messages.writeRequest(1, { ...request, ...change }))).toThrow('no block') // prettier-ignore
    const many = Array.from({ length: 1025 }, () => request)
    expect(() => messages.readPackedRequest(messages.writePackedRequest(1, many))).toThrow(
      'too much',
    )
    const heavy = Array.from({ length: 5 }, () => ({ ...request, size: 1 << 20 }))
    expect(() => messages.readPackedRequest(messages.writePackedRequest(1, heavy))).toThrow(
      'too much',
    )
    const id = new ProtoWriter().message(1, (to) => void to.message(16, (inner) => void inner.bytes(1, hash.subarray(1)))).finish() // prettier-ignore
    expect(() => messages.readClusterConfig(id)).toThrow('32 bytes')
  })

  test('whatever is cut off or changed is an error of the protocol or another message, nothing else', () => {
    const whole = messages.writeIndex('notes', [file], { last: 7, previous: 3 })
    for (let at = 0; at < whole.length; at++)
      for (const bytes of [
        whole.subarray(0, at),
        changed(whole, at, 0xff),
        changed(whole, at, 0x80),
      ])
        try {
          messages.readIndex(bytes)
        } catch (error) {
          expect((error as Error).name).toBe('ProtocolViolation')
        }
  })
})

describe('numbers', () => {
  test('64 bits, signed and unsigned', () => {
    for (const value of [
      0n,
      1n,
      127n,
      128n,
      0xffffffffn,
      0x100000000n,
      0x7fffffffffffffffn,
      0xffffffffffffffffn,
    ]) {
      // prettier-ignore
      const bytes = new ProtoWriter().uint64(1, value).int(2, 1).finish()
      const reader = new ProtoReader(bytes)
      if (value === 0n) continue
      expect(reader.tag()).toBe(8)
      expect(reader.uint64()).toBe(value)
      expect(reader.tag()).toBe(16)
    }
    for (const value of [
      1,
      127,
      128,
      2 ** 28 - 1,
      2 ** 28,
      2 ** 35,
      Number.MAX_SAFE_INTEGER,
      -1,
      -(2 ** 40),
    ]) {
      // prettier-ignore
      const reader = new ProtoReader(new ProtoWriter().int(1, value).finish())
      reader.tag()
      expect(reader.safeInteger()).toBe(value)
      expect(reader.tag()).toBe(0)
    }
  })

  test('a number that never ends, or is not safe, is refused', () => {
    const endless = new ProtoReader(Buffer.from('08ffffffffffffffffffffff01', 'hex'))
    endless.tag()
    expect(() => endless.uint64()).toThrow('more than 10')
    const large = new ProtoReader(new ProtoWriter().uint64(1, 1n << 60n).finish())
    large.tag()
    expect(() => large.safeInteger()).toThrow('range')
  })
})

function changed(bytes: Uint8Array, at: number, value: number): Uint8Array {
  const copy = Buffer.from(bytes)
  copy[at] = value
  return copy
}

/** Bytes and big numbers as text, so that views and buffers of different kinds compare. */
function plain(value: unknown): unknown {
  return JSON.parse(
    JSON.stringify(value, (_, part: unknown) => {
      if (typeof part === 'bigint') return `${part}n`
      if (part instanceof Uint8Array) return Buffer.from(part).toString('hex')
      const buffer = part as { type?: string; data?: number[] } | null
      return buffer?.type === 'Buffer' && Array.isArray(buffer.data)
        ? Buffer.from(buffer.data).toString('hex')
        : part
    }),
  )
}
