import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { signPolicy } from '#companion/team/policy-signature.ts'
import { newId } from '#shared/domain/ids.ts'
import type { CollectionPolicy } from '#shared/domain/sharing.ts'
import type { Loose } from './gateway-harness.ts'
import { LinkDevice } from './link-device.ts'
import { bareLink, type BareLink } from './link-pair.ts'
import { auditOf, collectionAt, ingest, makeCollection, noCollectionAt, online, pairMembers, search, share, startMember, to, type TeamMember } from './team-harness.ts' // prettier-ignore

const clause = 'Either party may terminate the Kranich contract with ninety days of notice.'
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

it('asks the holder live, says whose it is, and says so when the holder is away', async () => {
  const [a, b] = (await team('Anna', 'Bernd')) as [TeamMember, TeamMember]
  await pairMembers(b, a)
  const id = await makeCollection(b, 'Contracts', [to(a)])
  await ingest(b, id, join(folder, 'b'))
  await collectionAt(a, id, { source: 'live', documents: 2 })

  const found = await search(a, 'terminate the Kranich contract notice', { collectionIds: [id] })
  expect(found.unreachable).toEqual([])
  const [hit] = found.hits
  expect(hit).toMatchObject({ collectionId: id, owner: b.id, ownerName: 'Bernd' })
  expect(hit.text).toContain('ninety days')
  const text = await a.api(`/api/documents/${hit.documentId}/text?start=0&length=5000`)
  expect(text.body.text).toContain(clause)
  expect(text.body.document).toMatchObject({ id: hit.documentId, owner: b.id, collectionId: id })
  // The owner's log has both, with the asker's name.
  const lines = await auditOf(b, `?device=${a.id}`)
  expect(lines).toContainEqual(expect.objectContaining({ action: 'search', allowed: true, deviceName: 'Anna' })) // prettier-ignore
  expect(lines).toContainEqual(expect.objectContaining({ action: 'open', allowed: true }))

  await b.close(true)
  open = [a]
  await online(a, b, false)
  const alone = await search(a, 'terminate the Kranich contract notice', { collectionIds: [id] })
  expect(alone.hits).toEqual([])
  expect(alone.unreachable).toEqual([{ deviceId: b.id, name: 'Bernd', code: 'holder_away' }])
  const gone = await a.api(`/api/documents/${hit.documentId}/text`)
  expect(gone).toMatchObject({ status: 503, body: { error: { code: 'holder_away', params: { name: 'Bernd' } } } }) // prettier-ignore
  await collectionAt(a, id, { holders: [{ deviceId: b.id, name: 'Bernd', online: false, documents: 2 }] }) // prettier-ignore
}, 60_000)

it('gives nothing to who has no grant, and notes that somebody tried', async () => {
  const [b, c] = (await team('Bernd', 'Clara')) as [TeamMember, TeamMember]
  await pairMembers(b, c)
  const id = await makeCollection(b, 'Contracts', [to(c)])
  await ingest(b, id, join(folder, 'b'))
  await collectionAt(c, id, { documents: 2 })
  const { hits } = await search(c, 'terminate the Kranich contract')
  const documentId = hits[0].documentId
  await share(b, id, [])
  await noCollectionAt(c, id)
  // Through its own companion there is nothing to ask any more.
  const refused = await c.api('/api/search', { method: 'POST', body: { query: 'Kranich', collectionIds: [id] } }) // prettier-ignore
  expect(refused.status).toBe(404)
  expect((await c.api(`/api/documents/${documentId}/text`)).status).toBe(404)
  expect((await search(c, 'terminate the Kranich contract')).hits).toEqual([])
  // Who still knows the collection's id and asks its holder past the companion leaves a trace there.
  const guest = await LinkDevice.create()
  try {
    await guest.pair((await b.invite('guest')).link, { name: 'Curious' })
    const road = await guest.transport(await b.addresses(), 'tcp')
    for (const [path, body] of [
      ['/api/search', { query: 'notice period', collectionIds: [id] }],
      [`/api/documents/${documentId}/text`, undefined],
    ] as const) {
      const headers = { 'content-type': 'application/json' }
      const request = body ? { method: 'POST', path, headers, body: JSON.stringify(body) } : { method: 'GET', path } // prettier-ignore
      const answer = await road.request(request, AbortSignal.timeout(10_000))
      expect(answer.status).toBe(404)
      expect(await answer.text()).not.toContain('ninety')
    }
  } finally {
    await guest.close()
  }
  const lines = await auditOf(b, `?device=${guest.id}`)
  expect(lines.map(({ action, allowed, deviceName }) => [action, allowed, deviceName])).toEqual([
    ['open', false, 'Curious'],
    ['search', false, 'Curious'],
  ])
}, 60_000)

it('asks only for what its own caller may read: who asks through another gets the lesser of both rights', async () => {
  const [a, b] = (await team('Anna', 'Bernd')) as [TeamMember, TeamMember]
  await pairMembers(b, a)
  const id = await makeCollection(b, 'Contracts', [to(a)])
  await ingest(b, id, join(folder, 'b'))
  await collectionAt(a, id, { documents: 2 })
  const phone = await LinkDevice.create()
  try {
    await phone.pair((await a.invite('member')).link)
    const road = await phone.transport(await a.addresses(), 'tcp')
    const ask = async (body: object): Promise<{ status: number; body: Loose }> => {
      const headers = { 'content-type': 'application/json' }
      const request = { method: 'POST', path: '/api/search', headers, body: JSON.stringify(body) }
      const answer = await road.request(request, AbortSignal.timeout(10_000))
      return { status: answer.status, body: await answer.json() }
    }
    const query = 'terminate the Kranich contract'
    expect((await ask({ query, collectionIds: [id] })).status).toBe(404)
    expect((await ask({ query })).body).toMatchObject({ hits: [], unreachable: [] })
    await share(b, id, [to(a), to(phone)])
    await vi.waitFor(async () => {
      const { body } = await ask({ query, collectionIds: [id] })
      expect(body.hits?.[0]).toMatchObject({ owner: b.id })
    }, 10_000)
  } finally {
    await phone.close()
  }
}, 60_000)

it('asks nobody to ask on', async () => {
  const [a, b, c] = (await team('Anna', 'Bernd', 'Clara')) as [TeamMember, TeamMember, TeamMember]
  await pairMembers(b, a)
  await pairMembers(c, b)
  // What Clara lets Bernd read is not Bernd's to give out live.
  const id = await makeCollection(c, 'Clara', [to(b), to(a)])
  await ingest(c, id, join(folder, 'b'))
  await collectionAt(b, id, { documents: 2 })
  const query = 'terminate the Kranich contract'
  expect((await search(b, query, { collectionIds: [id] })).hits).not.toEqual([])
  expect((await search(b, query, { collectionIds: [id], local: true })).hits).toEqual([])
  await noCollectionAt(a, id)
}, 60_000)

it('waits for no holder without end, and believes it about nothing but what it was asked', async () => {
  const [a] = (await team('Anna')) as [TeamMember]
  let how: 'silent' | 'nonsense' | 'lies' = 'silent'
  const id = newId()
  const hit = { documentId: 'd1', collectionId: id, chunkId: 'c1', title: 'T', path: '/t', headings: [], start: 0, end: 4, text: 'text', score: 1 } // prettier-ignore
  const holder: BareLink = await bareLink('Holder', (request) => {
    if (!request.url.includes('/api/search')) return Promise.resolve(new Response(null, { status: 204 })) // prettier-ignore
    if (how === 'silent') return new Promise(() => {})
    if (how === 'nonsense') return Promise.resolve(new Response('{"hits": 3'))
    const hits = [{ ...hit, collectionId: 'another' }, { ...hit, owner: a.id }, { ...hit, documentId: 'd2', ownerName: 'The boss' }] // prettier-ignore
    return Promise.resolve(Response.json({ hits }))
  })
  try {
    const { link } = await a.invite('guest')
    holder.link.joins.create({ id: newId(), role: 'guest', target: { by: 'link', link } })
    const road = await vi.waitFor(() => {
      const standing = holder.link.roads.get(a.id)
      expect(standing).toBeDefined()
      return standing!
    }, 10_000)
    const policy: CollectionPolicy = { collectionId: id, name: 'Held', home: holder.id, version: 1, grants: [to(a)], groups: [], members: [], removed: false, signedAt: 1 } // prettier-ignore
    const dataset = { deviceId: holder.id, name: 'Holder', documents: 3, chunks: 3 }
    const offer = { signed: signPolicy(policy, holder.keyPem), access: { level: 'read', copy: false }, datasets: [dataset] } // prettier-ignore
    const told = await road.request(
      {
        method: 'POST',
        path: '/api/team/offers',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ offers: [offer], withdrawn: [] }),
      },
      AbortSignal.timeout(5000),
    )
    expect(told.status).toBe(204)
    await collectionAt(a, id, { documents: 3 })
    for (const [next, code] of [
      ['silent', 'timeout'],
      ['nonsense', 'bad_response'],
    ] as const) {
      how = next
      const answer = await search(a, 'anything', { collectionIds: [id] })
      expect(answer).toMatchObject({ hits: [], unreachable: [{ deviceId: holder.id, name: 'Holder', code }] }) // prettier-ignore
    }
    how = 'lies'
    const { hits } = await search(a, 'anything', { collectionIds: [id] })
    expect(hits).toHaveLength(1)
    expect(hits[0]).toMatchObject({ documentId: 'd2', owner: holder.id, ownerName: 'Holder' })
  } finally {
    await holder.close()
  }
}, 60_000)
