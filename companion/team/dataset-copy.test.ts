import { generateKeyPairSync } from 'node:crypto'
import { mkdir, mkdtemp, readFile, rm, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { linkKey } from '#companion/link/identity.ts'
import { filesIn, listName, readDatasetList, signDataset } from './dataset-list.ts'
import { promoteDataset } from './dataset-promotion.ts'

const signal = AbortSignal.timeout(60_000)
const keyOf = () => generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString() // prettier-ignore
const keyPem = keyOf()
const of = { collectionId: 'c', device: linkKey(keyPem).publicKey.toString() }
const manifest = (version: number) => `t.lance/_versions/${18446744073709551615n - BigInt(version)}.manifest` // prettier-ignore
let root: string
let owner: string
let relay: string
let index: string
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'silo-dataset-'))
  ;[owner, relay, index] = ['owner', 'relay', 'index'].map((name) => join(root, name)) as [string, string, string] // prettier-ignore
})
afterEach(() => rm(root, { recursive: true, force: true }))

async function put(folder: string, name: string, text: string, secondsAgo = 10): Promise<void> {
  await mkdir(dirname(join(folder, name)), { recursive: true })
  await writeFile(join(folder, name), text)
  const at = Date.now() / 1000 - secondsAgo
  await utimes(join(folder, name), at, at)
}
/** What sync would bring, or somebody in between put there instead. */
async function relayed(except: Record<string, string> = {}): Promise<void> {
  await rm(relay, { recursive: true, force: true })
  for (const name of [...filesIn(owner).keys(), listName])
    await put(relay, name, except[name] ?? (await readFile(join(owner, name), 'utf8')))
}
const promote = async () => {
  const list = await readDatasetList(relay, of)
  return list && promoteDataset(relay, index, list, new Map(), signal)
}
const at = (name: string) => readFile(join(index, name), 'utf8')

describe('the list of a dataset', () => {
  it('names what is committed, and nothing of a write that goes on', async () => {
    expect(await signDataset(owner, of, keyPem, signal)).toBe(false)
    await put(owner, 't.lance/data/a.lance', 'one')
    await put(owner, manifest(1), 'v1', 8)
    await put(owner, 't.lance/data/b.lance', 'half', 1)
    expect(await signDataset(owner, of, keyPem, signal)).toBe(true)
    expect(await signDataset(owner, of, keyPem, signal)).toBe(false)
    const first = (await readDatasetList(owner, of))!
    expect([...first.files.keys()]).toEqual([manifest(1), 't.lance/data/a.lance'])
    await put(owner, manifest(2), 'v2', 0)
    expect(await signDataset(owner, of, keyPem, signal)).toBe(true)
    const second = (await readDatasetList(owner, of))!
    expect(second.files.has('t.lance/data/b.lance')).toBe(true)
    expect(second.number).toBeGreaterThan(first.number)
  })

  it('is believed of nobody but its device, for its own collection, as it was signed', async () => {
    await put(owner, manifest(1), 'v1')
    await signDataset(owner, of, keyPem, signal)
    const path = join(owner, listName)
    const signed = await readFile(path, 'utf8')
    const other = linkKey(keyOf()).publicKey.toString()
    expect(await readDatasetList(owner, { ...of, device: other })).toBeUndefined()
    expect(await readDatasetList(owner, { ...of, collectionId: 'd' })).toBeUndefined()
    for (const forged of [
      signed.replace('"number":1', '"number":2'),
      signed.replace(/"[0-9a-f]{64}"/, `"${'0'.repeat(64)}"`),
      signed.slice(1),
      signed.slice(signed.indexOf('\n') + 1),
      '',
      '\n{}',
    ]) {
      await writeFile(path, forged)
      expect(await readDatasetList(owner, of), forged.slice(0, 20)).toBeUndefined()
    }
  })
})

describe('a dataset that was received', () => {
  beforeEach(async () => {
    await put(owner, 't.lance/data/a.lance', 'one')
    await put(owner, manifest(1), 'v1', 8)
    await signDataset(owner, of, keyPem, signal)
    await relayed()
  })

  it('comes into the index whole', async () => {
    expect(await promote()).toEqual({ complete: true, changed: true, wrong: [] })
    expect(await at('t.lance/data/a.lance')).toBe('one')
    expect(await promote()).toEqual({ complete: true, changed: false, wrong: [] })
    await put(owner, 't.lance/data/b.lance', 'two', 5)
    await put(owner, manifest(2), 'v2', 4)
    await signDataset(owner, of, keyPem, signal)
    await relayed()
    // Not all of it is here yet: readers keep what they have.
    await rm(join(relay, 't.lance/data/b.lance'))
    expect(await promote()).toMatchObject({ complete: false, changed: false })
    await expect(at(manifest(2))).rejects.toThrow(/ENOENT/)
    await relayed()
    expect(await promote()).toMatchObject({ complete: true, changed: true })
    expect(await at(manifest(2))).toBe('v2')
  })

  it('does not come in where one between has changed a file, or added one', async () => {
    await relayed({ 't.lance/data/a.lance': 'ONE' })
    expect(await promote()).toMatchObject({ complete: false, wrong: ['t.lance/data/a.lance'] })
    await expect(at('t.lance/data/a.lance')).rejects.toThrow(/ENOENT/)
    await relayed()
    await put(relay, manifest(9), 'forged')
    expect(await promote()).toMatchObject({ complete: true })
    await expect(at(manifest(9))).rejects.toThrow(/ENOENT/)
  })

  it('loses a version at once and its data later when its device has cleared up', async () => {
    await promote()
    await rm(join(owner, 't.lance/data/a.lance'))
    await rm(join(owner, manifest(1)))
    await put(owner, 't.lance/data/c.lance', 'compacted', 5)
    await put(owner, manifest(3), 'v3', 4)
    await signDataset(owner, of, keyPem, signal)
    await relayed()
    const list = (await readDatasetList(relay, of))!
    const gone = new Map<string, number>()
    await promoteDataset(relay, index, list, gone, signal)
    await expect(at(manifest(1))).rejects.toThrow(/ENOENT/)
    expect(await at('t.lance/data/a.lance')).toBe('one')
    gone.set('t.lance/data/a.lance', Date.now() - 3600_000)
    await promoteDataset(relay, index, list, gone, signal)
    await expect(at('t.lance/data/a.lance')).rejects.toThrow(/ENOENT/)
    expect(await at('t.lance/data/c.lance')).toBe('compacted')
  })
})
