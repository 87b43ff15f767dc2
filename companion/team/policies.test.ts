import { generateKeyPairSync } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { deviceId } from '#companion/config/device-key.ts'
import { openDatabase } from '#companion/records/database.ts'
import type { Role } from '#shared/domain/device.ts'
import type { Grant, SignedPolicy } from '#shared/domain/sharing.ts'
import { Policies } from './policies.ts'
import { canonicalJson, isSigned, signPolicy } from './policy-signature.ts'

interface Side {
  readonly id: string
  readonly key: string
  readonly devices: { id: string; role: Role }[]
  readonly collections: { id: string; name: string; home?: string }[]
  readonly policies: Policies
  /** The policies as they are after a restart. */
  again(): Policies
}

function newKey(): { key: string; id: string } {
  const key = generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString() // prettier-ignore
  return { key, id: deviceId(key) }
}

function side(collections: Side['collections'] = [], database = openDatabase(':memory:')): Side {
  const { key, id } = newKey()
  const devices: Side['devices'] = []
  const again = () =>
    new Policies({
      database,
      self: id,
      keyPem: key,
      devices: () => devices,
      collections: () => collections,
    })
  return { id, key, devices, collections, policies: again(), again }
}

const contracts = { id: 'contracts-collection', name: 'Contracts' }
const read = (id: string): Grant => ({
  subject: { kind: 'device', id },
  level: 'read',
  copy: false,
})

describe('the signature', () => {
  it('is over the same bytes whatever the order of the keys, and breaks with any change', () => {
    expect(canonicalJson({ b: [1, { d: null, c: 'x' }], a: undefined })).toBe('{"b":[1,{"c":"x","d":null}]}') // prettier-ignore
    const home = side([contracts])
    const signed = home.policies.get(contracts.id)!
    expect(isSigned(signed)).toBe(true)
    const reordered = JSON.parse(canonicalJson(signed)) as SignedPolicy
    expect(isSigned(reordered)).toBe(true)
    const { policy, signature } = signed
    const forged = { ...policy, grants: [...policy.grants, read(side().id)] }
    expect(isSigned({ policy: forged, signature })).toBe(false)
    expect(isSigned({ policy: { ...policy, home: side().id }, signature })).toBe(false)
    expect(isSigned({ policy, signature: 'nonsense' })).toBe(false)
    expect(isSigned({ policy: { ...policy, home: 'no peer id' }, signature })).toBe(false)
  })
})

describe('policies of this home', () => {
  it('give members writing and copies, owners all, guests and strangers nothing', () => {
    const home = side([contracts])
    const [owner, member, guest, stranger] = [side().id, side().id, side().id, side().id]
    home.devices.push({ id: owner, role: 'owner' }, { id: member, role: 'member' }, { id: guest, role: 'guest' }) // prettier-ignore
    home.policies.refresh()
    const of = (device: string) => home.policies.accessOf(contracts.id, device)
    expect(of('self')).toEqual({ level: 'admin', copy: true })
    expect(of(owner)).toEqual({ level: 'admin', copy: true })
    expect(of(member)).toEqual({ level: 'write', copy: true })
    expect(of(guest)).toBeUndefined()
    expect(of(stranger)).toBeUndefined()
    expect(home.policies.accessOf('another-collection', 'self')).toBeUndefined()
    expect(home.policies.allowed(member, 'write')).toEqual([contracts.id])
    expect(home.policies.allowed(member, 'share')).toEqual([])
    expect(home.policies.mayCopy(contracts.id, guest)).toBe(false)
  })

  it('follow roles, groups and names, and count the highest of several grants', () => {
    const home = side([{ ...contracts }])
    const device = side().id
    home.devices.push({ id: device, role: 'guest' })
    home.policies.refresh()
    const heard: (string | undefined)[] = []
    home.policies.onChange((id) => heard.push(id))
    home.policies.putGroup({ id: 'group-lawyers', name: 'Lawyers', members: [device] })
    home.policies.setGrants(contracts.id, [
      read(device),
      { subject: { kind: 'group', id: 'group-lawyers' }, level: 'share', copy: false },
      { subject: { kind: 'members' }, level: 'read', copy: true },
    ])
    const of = () => home.policies.accessOf(contracts.id, device)
    expect(of()).toEqual({ level: 'share', copy: false })
    home.devices[0]!.role = 'member'
    home.policies.refresh()
    expect(of()).toEqual({ level: 'share', copy: true })
    home.policies.putGroup({ id: 'group-lawyers', name: 'Lawyers', members: [] })
    expect(of()).toEqual({ level: 'read', copy: true })
    home.policies.removeGroup('group-lawyers')
    expect(home.policies.get(contracts.id)!.policy.grants).toHaveLength(2)
    home.collections[0]!.name = 'Agreements'
    home.policies.refresh()
    const { policy } = home.policies.get(contracts.id)!
    expect(policy.name).toBe('Agreements')
    expect(new Set(heard.slice(1))).toEqual(new Set([contracts.id]))
    const { version } = policy
    home.policies.refresh()
    expect(home.policies.get(contracts.id)!.policy.version).toBe(version)
  })

  it('lose a device that is removed, from grants and groups, for good', () => {
    const home = side([contracts])
    const device = side().id
    home.devices.push({ id: device, role: 'guest' })
    home.policies.refresh()
    home.policies.putGroup({ id: 'group-lawyers', name: 'Lawyers', members: [device] })
    home.policies.setGrants(contracts.id, [
      read(device),
      { subject: { kind: 'group', id: 'group-lawyers' }, level: 'read', copy: false },
    ])
    const heard: unknown[] = []
    home.policies.onChange((id) => heard.push(id))
    home.devices.length = 0
    home.policies.refresh()
    expect(heard).toContain(contracts.id)
    home.devices.push({ id: device, role: 'guest' })
    home.policies.refresh()
    expect(home.policies.accessOf(contracts.id, device)).toBeUndefined()
    expect(home.policies.groups()[0]!.members).toEqual([])
  })

  it('are the same after a restart, and say when a collection is gone', () => {
    const home = side([contracts])
    const device = side().id
    home.policies.setGrants(contracts.id, [read(device)])
    const before = home.policies.get(contracts.id)
    expect(home.again().get(contracts.id)).toEqual(before)
    home.collections.length = 0
    home.policies.refresh()
    const { policy } = home.policies.get(contracts.id)!
    expect(policy.removed).toBe(true)
    expect(policy.version).toBeGreaterThan(before!.policy.version)
    expect(home.policies.accessOf(contracts.id, device)).toBeUndefined()
    expect(home.policies.accessOf(contracts.id, 'self')).toBeUndefined()
  })
})

function pairOf() {
  const home = side([contracts])
  const holder = side()
  home.devices.push({ id: holder.id, role: 'member' })
  home.policies.refresh()
  holder.devices.push({ id: home.id, role: 'guest' })
  holder.policies.refresh()
  return { home, holder }
}

describe('policies of another home', () => {
  it('are taken, enforced, and never replaced by older ones', () => {
    const { home, holder } = pairOf()
    const first = home.policies.get(contracts.id)!
    expect(holder.policies.accept(first, home.id)).toBe(true)
    expect(holder.policies.accept(first, home.id)).toBe(false)
    expect(holder.policies.accessOf(contracts.id, 'self')).toEqual({ level: 'write', copy: true })
    expect(holder.policies.isOwn(contracts.id)).toBe(false)
    const phone = side().id
    home.policies.setGrants(contracts.id, [read(phone)])
    expect(holder.policies.accept(home.policies.get(contracts.id)!, home.id)).toBe(true)
    expect(holder.policies.accessOf(contracts.id, 'self')).toBeUndefined()
    expect(holder.policies.accessOf(contracts.id, phone)).toEqual({ level: 'read', copy: false })
    expect(holder.policies.accept(first, home.id)).toBe(false)
    expect(holder.policies.accessOf(contracts.id, 'self')).toBeUndefined()
    expect(() => holder.policies.setGrants(contracts.id, [])).toThrow(
      expect.objectContaining({ code: 'collection_unknown' }),
    )
  })

  it('do not become the holder’s own when its vault has a copy', () => {
    const { home, holder } = pairOf()
    holder.collections.push({ ...contracts, home: home.id })
    holder.policies.refresh()
    expect(holder.policies.get(contracts.id)).toBeUndefined()
    holder.policies.accept(home.policies.get(contracts.id)!, home.id)
    holder.policies.refresh()
    expect(holder.policies.isOwn(contracts.id)).toBe(false)
  })

  it('are refused when they are forged, of another home, or of nobody known', () => {
    const { home, holder } = pairOf()
    const signed = home.policies.get(contracts.id)!
    const stranger = side([{ id: contracts.id, name: 'Mine now' }])
    const theirs = stranger.policies.get(contracts.id)!
    const refused = (policy: SignedPolicy, from: string) =>
      expect(() => holder.policies.accept(policy, from)).toThrow(
        expect.objectContaining({ code: 'policy_refused' }),
      )
    refused({ ...signed, policy: { ...signed.policy, name: 'forged' } }, home.id)
    refused(theirs, home.id)
    refused(theirs, stranger.id)
    refused(signed, stranger.id)
    holder.policies.accept(signed, home.id)
    // A thousand versions ahead, signed well, but not by the home that is known.
    const ahead = signPolicy({ ...theirs.policy, version: 1000 }, stranger.key)
    refused(ahead, home.id)
    expect(holder.policies.get(contracts.id)).toEqual(signed)
    // One of its own collections is nobody else's to sign.
    const victim = side([{ id: contracts.id, name: 'Own' }])
    victim.devices.push({ id: home.id, role: 'member' })
    victim.policies.refresh()
    expect(() => victim.policies.accept(signed, home.id)).toThrow(
      expect.objectContaining({ code: 'policy_refused' }),
    )
  })

  it('come by way of a paired device that may hold a copy', () => {
    const { home, holder } = pairOf()
    const third = side()
    third.devices.push({ id: holder.id, role: 'member' })
    third.policies.refresh()
    const signed = home.policies.get(contracts.id)!
    expect(third.policies.accept(signed, holder.id)).toBe(true)
    const other = side()
    const guest = side().id
    other.devices.push({ id: guest, role: 'owner' })
    other.policies.refresh()
    expect(() => other.policies.accept(signed, guest)).toThrow(
      expect.objectContaining({ code: 'policy_refused' }),
    )
  })

  it('give an own second computer everything, wherever it asks', () => {
    const { home, holder } = pairOf()
    home.devices[0]!.role = 'owner'
    home.policies.refresh()
    holder.policies.accept(home.policies.get(contracts.id)!, home.id)
    expect(holder.policies.accessOf(contracts.id, 'self')).toEqual({ level: 'admin', copy: true })
  })

  it('come back to a home that was set back to an older state', () => {
    const { home, holder } = pairOf()
    home.policies.setGrants(contracts.id, [read(side().id)])
    const newest = home.policies.get(contracts.id)!
    holder.policies.accept(newest, home.id)
    const restored = new Policies({
      database: openDatabase(':memory:'),
      self: home.id,
      keyPem: home.key,
      devices: () => home.devices,
      collections: () => home.collections,
    })
    expect(restored.get(contracts.id)!.policy.version).toBeLessThan(newest.policy.version)
    restored.accept(newest, holder.id)
    expect(restored.get(contracts.id)!.policy.grants).toEqual(newest.policy.grants)
    restored.setGrants(contracts.id, [])
    expect(holder.policies.accept(restored.get(contracts.id)!, home.id)).toBe(true)
  })
})
