import { hash } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { Disk } from './disk.ts'
import { hashesOf, HashQueue, type Suspect } from './hashing.ts'

const root = mkdtempSync(join(tmpdir(), 'silo-hashing-'))
const disk = new Disk(3)
const MiB = 1024 * 1024

afterAll(async () => {
  await disk[Symbol.asyncDispose]()
  rmSync(root, { recursive: true, force: true })
})

function suspect(name: string): Suspect {
  const { size } = statSync(join(root, name))
  return {
    sequence: 0,
    entry: { name, type: 0, size, mode: 0o644, modifiedS: 0, modifiedNs: 0, stat: '' },
  }
}

const run = (name: string, cancelled = 0) =>
  hashesOf(disk, root, [suspect(name)], new Int32Array(new SharedArrayBuffer(4)).fill(cancelled))

describe('the blocks of a large file', () => {
  // Neither a whole number of blocks nor of stretches.
  const content = Buffer.alloc(101 * MiB + 12_345)
  for (let at = 0; at < content.length; at += 4096) content.writeUInt32BE(at, at)
  writeFileSync(join(root, 'large'), content)

  it('are in order, though several threads read them', async () => {
    const [found] = await run('large')
    if (!found || 'code' in found) throw new Error('not read')
    const expected: Buffer[] = []
    for (let at = 0; at < content.length; at += found.blockSize)
      expected.push(hash('sha256', content.subarray(at, at + found.blockSize), 'buffer'))
    expect(Buffer.compare(found.hashes, Buffer.concat(expected))).toBe(0)
    expect(found.entry.size).toBe(readFileSync(join(root, 'large')).length)
  })

  it('are not read where that was cancelled, or the file is gone', async () => {
    expect(await run('large', 1)).toMatchObject([{ code: 'cancelled' }])
    const gone = suspect('large')
    rmSync(join(root, 'large'))
    const cancel = new Int32Array(new SharedArrayBuffer(4))
    expect(await hashesOf(disk, root, [gone], cancel)).toMatchObject([{ code: 'ENOENT' }])
  })
})

const file = (name: string, size = 1): Suspect => ({
  sequence: 0,
  entry: { name, type: 0, size, mode: 0o644, modifiedS: 0, modifiedNs: 0, stat: '' },
})
const pause = () => new Promise((resolve) => setTimeout(resolve, 5))

describe('the queue of what is to be read', () => {
  it('reads all that is added, also while it reads, and no more than three batches at once', async () => {
    const read: string[] = []
    let most = 0
    let now = 0
    await using queue = new HashQueue(async (batch) => {
      most = Math.max(most, ++now)
      await pause()
      for (const { entry } of batch) read.push(entry.name)
      now--
    }, new AbortController().signal)
    for (let n = 0; n < 8; n++) queue.add([file(`${n}a`, 20 * MiB), file(`${n}b`, 20 * MiB)])
    await queue.drained()
    expect(read.length).toBe(16)
    expect(most).toBe(3)
    queue.add([file('late')])
    await queue.drained()
    expect(read).toContain('late')
  })

  it('ends with what failed first, with an abort, and with its owner', async () => {
    const failing = new HashQueue(() => Promise.reject(new Error('no')), new AbortController().signal) // prettier-ignore
    failing.add([file('a')])
    await expect(failing.drained()).rejects.toThrow('no')

    const halt = new AbortController()
    let begun = 0
    const work = async (_batch: unknown, cancel: Int32Array) => {
      begun++
      while (Atomics.load(cancel, 0) === 0) await pause()
    }
    const aborted = new HashQueue(work, halt.signal)
    aborted.add(Array.from({ length: 9 }, (_, n) => file(`${n}`, 20 * MiB)))
    halt.abort(new Error('paused'))
    await expect(aborted.drained()).rejects.toThrow('paused')
    expect(begun).toBe(3)

    const owned = new HashQueue(work, new AbortController().signal)
    owned.add([file('a')])
    await owned[Symbol.asyncDispose]()
    expect(begun).toBe(4)
  })
})
