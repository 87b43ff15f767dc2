import { hash } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { Disk } from './disk.ts'
import { hashesOf, type Suspect } from './hashing.ts'

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
