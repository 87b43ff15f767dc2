import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Grant } from '#shared/domain/sharing.ts'
import { LinkDevice } from './link-device.ts'
import { collectionAt, makeCollection, noCollectionAt, pairMembers, share, startMember, to, type TeamMember } from './team-harness.ts' // prettier-ignore

/** Who administers a collection without being its home: the change goes to the home, which decides and signs. */
let home: TeamMember
let office: TeamMember
let phone: LinkDevice
const stranger = { id: `12D3KooW${'Z'.repeat(44)}` }

beforeAll(async () => {
  home = await startMember('Home')
  office = await startMember('Office')
  await pairMembers(home, office)
  phone = await LinkDevice.create()
  await phone.pair((await office.invite('guest')).link)
}, 90_000)
afterAll(async () => {
  await phone?.close()
  await office?.close()
  await home?.close()
})

async function put(at: TeamMember, id: string, change: (grants: Grant[]) => Grant[]) {
  const path = `/api/collections/${id}/sharing`
  const { sharing } = (await at.api(path)).body
  const body = { version: sharing.version, grants: change(sharing.grants) }
  return at.api(path, { method: 'PUT', body })
}

describe('a collection that is at home elsewhere', () => {
  it('is shared, renamed and taken back by way of its home, by who administers it', async () => {
    const id = await makeCollection(home, 'Contracts', [to(office, 'admin', true)])
    const { access } = await collectionAt(office, id)
    expect(access).toEqual({ level: 'admin', copy: true })
    const given = await put(office, id, (grants) => [...grants, to(stranger, 'write')])
    expect(given.status, JSON.stringify(given.body)).toBe(200)
    expect(given.body.sharing).toMatchObject({ own: false, home: home.id, homeName: 'Home' })
    const atHome = (await home.api(`/api/collections/${id}/sharing`)).body.sharing
    expect(atHome.grants).toEqual(given.body.sharing.grants)
    expect(atHome.version).toBe(given.body.sharing.version)
    const taken = await put(office, id, (grants) => grants.slice(0, 1))
    expect(taken.status).toBe(200)
    const renamed = await office.api(`/api/collections/${id}`, { method: 'PATCH', body: { name: 'Agreements' } }) // prettier-ignore
    expect(renamed.status, JSON.stringify(renamed.body)).toBe(200)
    await collectionAt(home, id, { name: 'Agreements' })
    const { entries } = (await home.api(`/api/audit?action=grant&device=${office.id}`)).body
    expect(entries[0]).toMatchObject({ deviceName: 'Office', allowed: true, collectionIds: [id] })
  })

  it('is not shared further than its home allows, whatever is asked of it', async () => {
    const id = await makeCollection(home, 'Plans', [to(office, 'share', false)])
    await collectionAt(office, id)
    expect((await put(office, id, (grants) => [...grants, to(stranger, 'admin')])).status).toBe(403)
    expect((await put(office, id, (grants) => [...grants, to(stranger, 'read', true)])).status).toBe(403) // prettier-ignore
    expect((await put(office, id, () => [])).status).toBe(403)
    expect((await put(office, id, (grants) => [...grants, to(stranger)])).status).toBe(200)
    expect((await office.api(`/api/collections/${id}`, { method: 'PATCH', body: { name: 'x' } })).status).toBe(403) // prettier-ignore
    await share(home, id, [])
    await noCollectionAt(office, id)
    expect((await office.api(`/api/collections/${id}/sharing`)).status).toBe(404)
  })

  it('is nothing to a guest of a companion that may read it, until its home says so', async () => {
    const id = await makeCollection(home, 'Minutes', [to(office, 'admin', true)])
    await collectionAt(office, id)
    const transport = await phone.transport((await office.api('/api/link')).body.companion.addresses) // prettier-ignore
    const ask = async (method: string, path: string, body?: unknown) => {
      const request = {
        method,
        path,
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      }
      return (await transport.request(request, AbortSignal.timeout(20_000))).status
    }
    const query = { query: 'anything', collectionIds: [id] }
    expect(await ask('POST', '/api/search', query)).toBe(404)
    expect(await ask('GET', `/api/collections/${id}/documents`)).toBe(404)
    const grab = { version: 1, grants: [to(phone, 'admin', true)] }
    expect(await ask('PUT', `/api/collections/${id}/sharing`, grab)).toBe(404)
    await share(home, id, [to(office, 'admin', true), to(phone)])
    await expect.poll(() => ask('GET', `/api/collections/${id}/documents`), { timeout: 15_000 }).toBe(200) // prettier-ignore
    expect(await ask('PUT', `/api/collections/${id}/sharing`, grab)).toBe(403)
    await share(home, id, [to(office, 'admin', true)])
    await expect.poll(() => ask('GET', `/api/collections/${id}/documents`), { timeout: 15_000 }).toBe(404) // prettier-ignore
  })

  it('says who is missing while its home is away, and changes nothing', async () => {
    const id = await makeCollection(home, 'Last', [to(office, 'admin', true)])
    await collectionAt(office, id)
    await home.close(true)
    const refused = await put(office, id, (grants) => [...grants, to(stranger)])
    expect(refused.status).toBe(503)
    expect((await office.api(`/api/collections/${id}/sharing`)).body.sharing.grants).toHaveLength(1)
  })
})
