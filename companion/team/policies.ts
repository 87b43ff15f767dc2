import type { DatabaseSync } from 'node:sqlite'
import type { Role } from '#shared/domain/device.ts'
import type { Access, AccessLevel, CollectionPolicy, Grant, Group, SignedPolicy } from '#shared/domain/sharing.ts' // prettier-ignore
import { SiloError } from '#shared/errors/silo-error.ts'
import type { AccessPolicy } from './access-policy.ts'
import { everything, grantedTo, reaches, union } from './granted.ts'
import { PolicyRecords } from './policy-records.ts'
import { canonicalJson, isSigned, signPolicy } from './policy-signature.ts'

export interface PoliciesInit {
  readonly database: DatabaseSync
  /** Peer id of this companion, and its device key as PKCS #8 PEM. */
  readonly self: string
  readonly keyPem: string
  /** The paired devices as they are now. */
  devices(): readonly { id: string; role: Role }[]
  /** The collections of the vault; `home` where it is another device. */
  collections(): readonly { id: string; name: string; home?: string }[]
  /** What another home lets this companion do by its role there, which is in no policy. */
  given?(collectionId: string, home: string): Access | undefined
}

/** What a collection begins with: members read and fill it and keep copies, guests have nothing. */
export const defaultGrants: readonly Grant[] = [
  { subject: { kind: 'members' }, level: 'write', copy: true },
]

/** Policies of other homes that are kept at most; who sends more is making them up. */
const maxForeign = 5000
const limits = { name: 500, grants: 500, groups: 500, members: 5000 }

/**
 * The policies of all collections known here. Those of this home are signed here, and again whenever a name, a group
 * or the list of members changes; those of others are taken as their homes signed them.
 */
export class Policies implements AccessPolicy {
  readonly #init: PoliciesInit
  readonly #records: PolicyRecords
  readonly #policies = new Map<string, SignedPolicy>()
  readonly #listeners = new Set<(collectionId?: string) => void>()
  #groups: readonly Group[]
  #roles: ReadonlyMap<string, Role>

  constructor(init: PoliciesInit) {
    this.#init = init
    this.#records = new PolicyRecords(init.database)
    this.#groups = this.#records.groups()
    this.#roles = rolesOf(init.devices())
    for (const signed of this.#records.policies())
      this.#policies.set(signed.policy.collectionId, signed)
    this.refresh()
  }

  accessOf(collectionId: string, device: string): Access | undefined {
    const policy = this.#policies.get(collectionId)?.policy
    if (!policy || policy.removed) return undefined
    const { self, given } = this.#init
    if (device === policy.home) return everything
    if (device !== 'self' && this.#roles.get(device) !== 'owner') return grantedTo(policy, device)
    if (policy.home === self) return everything
    const parts = [grantedTo(policy, self), given?.(collectionId, policy.home)]
    return union(parts.filter((part) => part !== undefined))
  }

  /** What another home lets this companion do is something else now. */
  givenChanged(collectionId?: string): void {
    this.#tell(collectionId)
  }

  allowed(device: string, level: AccessLevel): readonly string[] {
    return [...this.#policies.keys()].filter((id) =>
      reaches(this.accessOf(id, device)?.level, level),
    )
  }

  mayCopy(collectionId: string, device: string): boolean {
    return this.accessOf(collectionId, device)?.copy === true
  }

  /** The listener hears which collection it is, where it is one. */
  onChange(listener: (collectionId?: string) => void): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  /** The newest policy known here, also of a collection that is removed. */
  get(collectionId: string): SignedPolicy | undefined {
    return this.#policies.get(collectionId)
  }

  list(): SignedPolicy[] {
    return [...this.#policies.values()]
  }

  isOwn(collectionId: string): boolean {
    return this.#policies.get(collectionId)?.policy.home === this.#init.self
  }

  /**
   * Takes a policy that came from `from`. True when it is news. An older or equal version changes nothing.
   * @throws SiloError policy_refused: not signed by its home, another home than before, a home nobody here knows
   */
  accept(signed: SignedPolicy, from: string): boolean {
    const { policy } = signed
    const known = this.#policies.get(policy.collectionId)?.policy
    if (known && known.home !== policy.home) throw refused('home')
    if (known && policy.version <= known.version) return false
    if (!known && !this.#isWelcome(policy, from)) throw refused('unknown home')
    if (!isWithinLimits(policy)) throw refused('size')
    if (!isSigned(signed)) throw refused('signature')
    if (!known && policy.removed) return false
    this.#put(signed)
    // This home was set back to an older state, and its own policy comes back to it.
    if (policy.home === this.#init.self) this.#refreshOne(policy.collectionId, this.#ownNames())
    this.#tell(policy.collectionId)
    return true
  }

  /** Drops what is known of a collection of another home, when nothing of it is left here. */
  forget(collectionId: string): void {
    if (this.isOwn(collectionId) || !this.#policies.delete(collectionId)) return
    this.#records.removePolicy(collectionId)
    this.#tell(collectionId)
  }

  /** Signs new grants of a collection of this home. @throws SiloError collection_unknown */
  setGrants(collectionId: string, grants: readonly Grant[]): SignedPolicy {
    const policy = this.#policies.get(collectionId)?.policy
    if (!policy || policy.removed || policy.home !== this.#init.self)
      throw new SiloError('collection_unknown')
    if (this.#sign({ ...policy, grants: [...grants] })) this.#tell(collectionId)
    return this.#policies.get(collectionId)!
  }

  groups(): readonly Group[] {
    return this.#groups
  }

  /** Makes a group, or changes the one of that id; every policy that names it is signed again. */
  putGroup(group: Group): void {
    this.#records.putGroup(group)
    this.#groups = this.#records.groups()
    this.#afterGroups()
  }

  /** Its grants go with it. */
  removeGroup(id: string): void {
    this.#records.removeGroup(id)
    this.#groups = this.#records.groups()
    this.#afterGroups()
  }

  /**
   * Follows the book and the vault: roles, names, new and deleted collections. To be called after each of their
   * changes. A device that was taken out of the book loses its grants and its places in groups.
   */
  refresh(): void {
    const roles = rolesOf(this.#init.devices())
    const gone = new Set([...this.#roles.keys()].filter((id) => !roles.has(id)))
    const rolesChanged = canonicalJson([...roles]) !== canonicalJson([...this.#roles])
    this.#roles = roles
    const changed = new Set([...this.#forgetDevices(gone), ...this.#refreshAll()])
    for (const id of changed) this.#tell(id)
    // Where no collection is, roles are news all the same.
    if (rolesChanged && changed.size === 0) this.#tell()
  }

  #afterGroups(): void {
    const changed = this.#refreshAll()
    for (const id of changed) this.#tell(id)
    if (changed.length === 0) this.#tell()
  }

  /** Returns the collections whose policy is another one now. */
  #forgetDevices(gone: ReadonlySet<string>): string[] {
    if (gone.size === 0) return []
    for (const group of this.#groups)
      if (group.members.some((id) => gone.has(id)))
        this.#records.putGroup({ ...group, members: group.members.filter((id) => !gone.has(id)) })
    this.#groups = this.#records.groups()
    const own = this.list().filter(({ policy: { home, removed } }) => home === this.#init.self && !removed) // prettier-ignore
    return own.flatMap(({ policy }) => {
      const grants = policy.grants.filter(({ subject }) => subject.kind !== 'device' || !gone.has(subject.id)) // prettier-ignore
      return this.#sign({ ...policy, grants }) ? [policy.collectionId] : []
    })
  }

  /** Returns the collections whose policy is another one now. */
  #refreshAll(): string[] {
    const names = this.#ownNames()
    const own = this.list().filter(({ policy }) => policy.home === this.#init.self)
    const ids = new Set([...names.keys(), ...own.map(({ policy }) => policy.collectionId)])
    return [...ids].filter((id) => this.#refreshOne(id, names))
  }

  #ownNames(): Map<string, string> {
    const { self, collections } = this.#init
    const own = collections().filter(({ home }) => home === undefined || home === self)
    return new Map(own.map(({ id, name }) => [id, name]))
  }

  #refreshOne(id: string, names: ReadonlyMap<string, string>): boolean {
    const name = names.get(id)
    const known = this.#policies.get(id)?.policy
    if (known && known.home !== this.#init.self) return false
    if (name === undefined)
      return known !== undefined && !known.removed && this.#sign({ ...known, removed: true })
    const fresh = !known || known.removed
    return this.#sign({
      collectionId: id,
      home: this.#init.self,
      version: known?.version ?? 0,
      groups: [],
      members: [],
      removed: false,
      signedAt: 0,
      name,
      grants: fresh ? [...defaultGrants] : known.grants,
    })
  }

  /** Signs the policy as the next version, filled up with groups and members. False where nothing is new in it. */
  #sign(wanted: CollectionPolicy): boolean {
    const before = this.#policies.get(wanted.collectionId)?.policy
    const groups = new Map(this.#groups.map((group) => [group.id, group]))
    const grants = wanted.removed
      ? []
      : wanted.grants.filter(({ subject }) => subject.kind !== 'group' || groups.has(subject.id))
    const named = new Set(grants.flatMap(({ subject }) => subject.kind === 'group' ? [subject.id] : [])) // prettier-ignore
    const ofRole = (role: Role): string[] =>
      [...this.#roles].flatMap(([id, each]) => (each === role ? [id] : [])).sort()
    const forMembers = grants.some(({ subject }) => subject.kind === 'members')
    const next = {
      ...wanted,
      grants,
      groups: [...named].sort().map((id) => groups.get(id)!),
      members: forMembers ? ofRole('member') : [],
      owners: ofRole('owner'),
    }
    if (before && essence(before) === essence(next)) return false
    const version = Math.max(before?.version ?? 0, wanted.version) + 1
    this.#put(signPolicy({ ...next, version, signedAt: Date.now() }, this.#init.keyPem))
    return true
  }

  #put(signed: SignedPolicy): void {
    this.#records.putPolicy(signed)
    this.#policies.set(signed.policy.collectionId, signed)
  }

  /** A collection heard of for the first time: its home is paired, or a paired device may hold it. */
  #isWelcome(policy: CollectionPolicy, from: string): boolean {
    if (policy.home === this.#init.self) return true
    if (this.#ownNames().has(policy.collectionId)) return false
    const foreign = this.list().filter(({ policy: { home } }) => home !== this.#init.self)
    if (foreign.length >= maxForeign || !this.#roles.has(from)) return false
    return this.#roles.has(policy.home) || policy.removed || grantedTo(policy, from)?.copy === true
  }

  #tell(collectionId?: string): void {
    for (const listener of this.#listeners) listener(collectionId)
  }
}

function rolesOf(devices: readonly { id: string; role: Role }[]): Map<string, Role> {
  return new Map(devices.map(({ id, role }) => [id, role]))
}

function essence({ version: _version, signedAt: _at, ...rest }: CollectionPolicy): string {
  return canonicalJson(rest)
}

function isWithinLimits(policy: CollectionPolicy): boolean {
  const members = policy.groups.reduce((sum, group) => sum + group.members.length, 0)
  return (
    policy.name.length <= limits.name &&
    policy.grants.length <= limits.grants &&
    policy.groups.length <= limits.groups &&
    policy.members.length + members + (policy.owners?.length ?? 0) <= limits.members
  )
}

function refused(detail: string): SiloError {
  return new SiloError('policy_refused', { params: { detail } })
}
