import { afterEach, expect, it, vi } from 'vitest'
import { newId } from '#shared/domain/ids.ts'
import type { Loose } from './gateway-harness.ts'
import { LinkDevice } from './link-device.ts'
import { bareLink } from './link-pair.ts'
import { collectionAt, makeCollection, noCollectionAt, pairMembers, share, startMember, to, type TeamMember } from './team-harness.ts' // prettier-ignore

let open: TeamMember[] = []
afterEach(async () => {
  await Promise.all(open.splice(0).map((member) => member.close()))
})
async function team(...names: string[]): Promise<TeamMember[]> {
  const members = await Promise.all(names.map((name) => startMember(name)))
  open.push(...members)
  return members
}

it('shows a collection to whom it is granted, as long as it is', async () => {
  const [a, b] = (await team('A', 'B')) as [TeamMember, TeamMember]
  await pairMembers(b, a)
  const id = await makeCollection(b, 'Contracts', [])
  const other = await makeCollection(b, 'Shared', [to(a, 'read', true)])
  expect(await collectionAt(a, other)).toMatchObject({
    name: 'Shared',
    home: b.id,
    source: 'live',
    access: { level: 'read', copy: true },
    keepCopy: false,
    mayCopy: true,
  })
  await noCollectionAt(a, id)
  await share(b, id, [to(a)])
  await collectionAt(a, id, { name: 'Contracts', access: { level: 'read', copy: false }, mayCopy: false }) // prettier-ignore
  await b.api(`/api/collections/${id}`, { method: 'PATCH', body: { name: 'Agreements' } })
  await collectionAt(a, id, { name: 'Agreements' })
  await share(b, id, [])
  await noCollectionAt(a, id)
  await b.api(`/api/collections/${other}`, { method: 'DELETE' })
  await noCollectionAt(a, other)
}, 40_000)

it('tells what changed while the other was away', async () => {
  const [a, b] = (await team('A', 'B')) as [TeamMember, TeamMember]
  await pairMembers(b, a)
  const id = await makeCollection(b, 'Contracts', [to(a)])
  const kept = await makeCollection(b, 'Kept', [to(a)])
  await collectionAt(a, id)
  await collectionAt(a, kept)
  await a.close(true)
  open = [b]
  await share(b, id, [])
  const again = await startMember('A', { home: a.home })
  open.push(again)
  await noCollectionAt(again, id)
  await collectionAt(again, kept)
}, 40_000)

it('carries a policy by a companion between two that never meet', async () => {
  const [a, b, hub] = (await team('A', 'B', 'Hub')) as [TeamMember, TeamMember, TeamMember]
  await pairMembers(hub, a)
  await pairMembers(hub, b)
  const id = await makeCollection(b, 'Contracts', [to(hub, 'read', true), to(a)])
  await collectionAt(hub, id, { home: b.id })
  await collectionAt(a, id, { home: b.id, access: { level: 'read' } })
  await share(b, id, [to(hub, 'read', true)])
  await noCollectionAt(a, id)
}, 40_000)

it("treats one's own other computer as oneself, until it no longer is", async () => {
  const [a, b] = (await team('A', 'B')) as [TeamMember, TeamMember]
  await pairMembers(b, a, ['owner', 'owner'])
  const id = await makeCollection(b, 'Mine', [])
  await collectionAt(a, id, { access: { level: 'admin', copy: true }, keepCopy: true })
  await b.api(`/api/devices/${a.id}`, { method: 'PATCH', body: { role: 'guest' } })
  await noCollectionAt(a, id)
}, 40_000)

it('takes no word from a device that is no companion, and none that its home has not signed', async () => {
  const [a, b] = (await team('A', 'B')) as [TeamMember, TeamMember]
  await pairMembers(b, a)
  const id = await makeCollection(b, 'Contracts', [to(a)])
  await collectionAt(a, id)
  const { signed } = (await b.api(`/api/collections/${id}/sharing`)).body.sharing
  const access = { level: 'admin', copy: true }
  const forged = { ...signed, policy: { ...signed.policy, name: 'Forged', version: 99 } }
  const dataset = { deviceId: b.id, name: 'Not B', documents: 7, chunks: 7 }
  const told = (offer: object) => JSON.stringify({ offers: [{ access, datasets: [], ...offer }], withdrawn: [] }) // prettier-ignore
  expect((await a.api('/api/team/offers', { method: 'POST', body: JSON.parse(told({ signed: forged })) })).status).toBe(403) // prettier-ignore

  const phone = await LinkDevice.create()
  const stranger = await bareLink('Stranger')
  try {
    const { link: first } = await a.invite('member')
    await phone.pair(first)
    const { link: second } = await a.invite('member')
    stranger.link.joins.create({ id: newId(), role: 'guest', target: { by: 'link', link: second } })
    const road = await vi.waitFor(() => {
      const standing = stranger.link.roads.get(a.id)
      expect(standing).toBeDefined()
      return standing!
    }, 10_000)
    for (const [way, status] of [
      [await phone.transport(await a.addresses(), 'tcp'), 403],
      [road, 204],
    ] as const)
      for (const offer of [{ signed: forged }, { signed, datasets: [dataset] }]) {
        const headers = { 'content-type': 'application/json' }
        const request = { method: 'POST', path: '/api/team/offers', headers, body: told(offer) }
        const answer = await way.request(request, AbortSignal.timeout(5000))
        expect(answer.status, await answer.text()).toBe(status)
        // Neither the policy nor what somebody without the collection says of it is believed.
        const known = await collectionAt(a, id, { name: 'Contracts', access: { level: 'read', copy: false }, documents: 0 }) // prettier-ignore
        expect(known.holders.map((holder: Loose) => holder.name)).not.toContain('Not B')
      }
  } finally {
    await phone.close()
    await stranger.close()
  }
}, 40_000)
