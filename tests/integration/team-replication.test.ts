import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs' // prettier-ignore
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { newId } from '#shared/domain/ids.ts'
import type { Loose } from './gateway-harness.ts'
import { auditOf, collectionAt, ingest, makeCollection, noCollectionAt, online, pairMembers, search, share, startMember, to, type TeamMember } from './team-harness.ts' // prettier-ignore

const clause = 'Either party may terminate the Kranich contract with ninety days of notice.'
const query = 'terminate the Kranich contract notice'
let folder: string
let open: TeamMember[] = []
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'silo-team-docs-'))
  mkdirSync(join(folder, 'b'))
  writeFileSync(join(folder, 'b', 'kranich.md'), `# Kranich contract\n\n${clause}\n`)
  writeFileSync(join(folder, 'b', 'pump.md'), '# Pump\n\nInspect the pump every 500 hours.\n')
})
afterEach(async () => {
  await Promise.all(open.splice(0).map((member) => member.close()))
  rmSync(folder, { recursive: true, force: true })
})
async function team(...names: string[]): Promise<TeamMember[]> {
  const members = await Promise.all(names.map((name) => startMember(name)))
  open.push(...members)
  return members
}
async function stop(member: TeamMember): Promise<void> {
  await member.close(true)
  open = open.filter((each) => each !== member)
}
const keepCopy = async (at: TeamMember, id: string, keep = true): Promise<void> => {
  const answer = await at.api(`/api/team/collections/${id}`, { method: 'PUT', body: { keepCopy: keep } }) // prettier-ignore
  expect(answer.status, JSON.stringify(answer.body)).toBe(204)
}
/** Waits until `at` holds a copy of `documents` documents of `of`. */
const copied = (at: TeamMember, id: string, of: TeamMember, documents: number) =>
  vi.waitFor(async () => {
    const { holders, source } = await collectionAt(at, id)
    const holder = holders.find(({ deviceId }: { deviceId: string }) => deviceId === of.id)
    expect(holder).toMatchObject({ documents, syncedAt: expect.any(Number) })
    expect(source).toBe('copy')
  }, 20_000)

it('keeps a copy where that is granted and chosen, and answers from it while its owner is away', async () => {
  const [a, b] = (await team('Anna', 'Bernd')) as [TeamMember, TeamMember]
  await pairMembers(b, a)
  const id = await makeCollection(b, 'Contracts', [to(a, 'read', true)])
  await ingest(b, id, join(folder, 'b'))
  await collectionAt(a, id, { source: 'live', documents: 2, keepCopy: false, mayCopy: true })
  await keepCopy(a, id)
  await copied(a, id, b, 2)
  await stop(b)
  await online(a, b, false)
  const answer = await search(a, query, { collectionIds: [id] })
  expect(answer.unreachable).toEqual([])
  expect(answer.hits[0]).toMatchObject({ owner: b.id, ownerName: 'Bernd', collectionId: id })
  const text = await a.api(`/api/documents/${answer.hits[0].documentId}/text`)
  expect(text.body.text).toContain(clause)
  const { documents } = (await a.api(`/api/collections/${id}/documents`)).body
  expect(documents).toHaveLength(2)
  expect(documents[0]).toMatchObject({ owner: b.id })
}, 60_000)

it('follows an edit and a deletion, and says how far it is', async () => {
  const [a, b] = (await team('Anna', 'Bernd')) as [TeamMember, TeamMember]
  await pairMembers(b, a, ['owner', 'owner'])
  const id = await makeCollection(b, 'Mine', [])
  await ingest(b, id, join(folder, 'b'))
  // Between one's own computers a copy is kept without being asked for.
  await copied(a, id, b, 2)
  writeFileSync(join(folder, 'b', 'zebra.md'), '# Zebra\n\nThe zebra stands in the north yard.\n')
  await ingest(b, id, join(folder, 'b'))
  await copied(a, id, b, 3)
  const found = await search(a, 'where stands the zebra', { collectionIds: [id], local: true })
  expect(found.hits[0].text).toContain('north yard')
  rmSync(join(folder, 'b', 'zebra.md'))
  await ingest(b, id, join(folder, 'b'))
  await copied(a, id, b, 2)
  const gone = await search(a, 'where stands the zebra', { collectionIds: [id], local: true })
  expect(JSON.stringify(gone.hits)).not.toContain('north yard')
}, 60_000)

it('drops the copy when the right to it is lost, or nobody wants it any more', async () => {
  const [a, b] = (await team('Anna', 'Bernd')) as [TeamMember, TeamMember]
  await pairMembers(b, a)
  const id = await makeCollection(b, 'Contracts', [to(a, 'read', true)])
  await ingest(b, id, join(folder, 'b'))
  await collectionAt(a, id, { documents: 2 })
  const traces = [join(a.home, 'vault', 'index', id, b.id), join(a.home, 'vault', 'received', id)]
  const here = () => traces.map((path) => existsSync(path))

  await keepCopy(a, id)
  await copied(a, id, b, 2)
  expect(here()).toEqual([true, true])
  await keepCopy(a, id, false)
  await vi.waitFor(() => expect(here()).toEqual([false, false]), 10_000)
  await collectionAt(a, id, { source: 'live', documents: 2 })

  await keepCopy(a, id)
  await copied(a, id, b, 2)
  await share(b, id, [to(a, 'read', false)])
  await vi.waitFor(() => expect(here()).toEqual([false, false]), 10_000)
  await collectionAt(a, id, { source: 'live', mayCopy: false })
  expect((await a.api(`/api/team/collections/${id}`, { method: 'PUT', body: { keepCopy: true } })).status).toBe(403) // prettier-ignore

  await share(b, id, [to(a, 'read', true)])
  await copied(a, id, b, 2)
  // Deleted here, only the copy goes.
  await a.api(`/api/collections/${id}`, { method: 'DELETE' })
  await vi.waitFor(() => expect(here()).toEqual([false, false]), 10_000)
  await collectionAt(a, id, { source: 'live', documents: 2, keepCopy: false })
  await keepCopy(a, id)
  await copied(a, id, b, 2)
  await share(b, id, [])
  await noCollectionAt(a, id)
  await vi.waitFor(() => expect(here()).toEqual([false, false]), 10_000)
  await share(b, id, [to(a, 'read', true)])
  await copied(a, id, b, 2)
  expect(await auditOf(b, `?device=${a.id}&action=sync`)).toContainEqual(expect.objectContaining({ allowed: true, collectionIds: [id] })) // prettier-ignore
  // A home that throws this companion out tells it no more; that it is shut out says enough.
  await b.api(`/api/devices/${a.id}`, { method: 'DELETE' })
  await noCollectionAt(a, id)
  await vi.waitFor(() => expect(here()).toEqual([false, false]), 10_000)
}, 90_000)

it('brings a copy by way of a companion between two that never meet', async () => {
  const [a, b, hub] = (await team('Anna', 'Bernd', 'Hub')) as [TeamMember, TeamMember, TeamMember]
  await pairMembers(hub, a)
  await pairMembers(hub, b)
  const id = await makeCollection(b, 'Contracts', [to(hub, 'read', true), to(a, 'read', true)])
  await ingest(b, id, join(folder, 'b'))
  await collectionAt(hub, id, { documents: 2 })
  await keepCopy(hub, id)
  await copied(hub, id, b, 2)
  await stop(b)
  await collectionAt(a, id, { documents: 2 })
  // The hub answers live for what it holds a copy of.
  expect((await search(a, query, { collectionIds: [id] })).hits[0]).toMatchObject({ owner: b.id, ownerName: 'Bernd' }) // prettier-ignore
  await keepCopy(a, id)
  await copied(a, id, b, 2)
  await stop(hub)
  await online(a, hub, false)
  const answer = await search(a, query, { collectionIds: [id] })
  expect(answer.hits[0]).toMatchObject({ owner: b.id, ownerName: 'Bernd' })
}, 60_000)

it('gets a damaged copy again, from what it has of it or from its device', async () => {
  const [a, b] = (await team('Anna', 'Bernd')) as [TeamMember, TeamMember]
  await pairMembers(b, a)
  const id = await makeCollection(b, 'Contracts', [to(a, 'read', true)])
  await ingest(b, id, join(folder, 'b'))
  await collectionAt(a, id, { documents: 2 })
  await keepCopy(a, id)
  await copied(a, id, b, 2)
  const dataset = join(a.home, 'vault', 'index', id, b.id)
  const data = () => (readdirSync(dataset, { recursive: true }) as string[]).filter((name) => /\.lance\/data\/.*\.lance$/.test(name)).map((name) => join(dataset, name)) // prettier-ignore
  const check = async (repair: boolean): Promise<Loose[]> => {
    const { run } = (await a.api('/api/vault/check', { method: 'POST', body: { id: newId(), repair } })).body // prettier-ignore
    await vi.waitFor(async () => expect((await a.api(`/api/runs/${run.id}/events`)).body.run.outcome).toBe('done'), 15_000) // prettier-ignore
    return (await a.api('/api/vault/check')).body.report.findings
  }
  const answers = async () => (await search(a, query, { collectionIds: [id], local: true })).hits[0]
  expect(await check(false)).toEqual([])

  // A copy shares its files with what sync keeps of it: written to, both are damaged, and only the device can help.
  for (const path of data()) truncateSync(path, 64)
  expect(await check(false)).toMatchObject([{ kind: 'dataset-damaged', owner: b.id, repaired: false }]) // prettier-ignore
  expect(await check(true)).toMatchObject([{ kind: 'dataset-damaged', owner: b.id, repaired: true }]) // prettier-ignore
  await vi.waitFor(async () => expect((await answers())?.text).toContain('ninety days'), 20_000)
  expect(await check(false)).toEqual([])

  // Only the one that is read is damaged: it comes back though its device is away.
  await stop(b)
  await online(a, b, false)
  for (const path of data()) {
    rmSync(path)
    writeFileSync(path, 'not an index')
  }
  expect(await check(true)).toMatchObject([{ kind: 'dataset-damaged', owner: b.id, repaired: true }]) // prettier-ignore
  await vi.waitFor(async () => expect((await answers())?.text).toContain('ninety days'), 20_000)
  expect(await check(false)).toEqual([])
}, 90_000)
