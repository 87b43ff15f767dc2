import type { PairedDevice } from '#shared/domain/device.ts'
import { accessLevels, type Access, type CollectionPolicy, type Grant } from '#shared/domain/sharing.ts' // prettier-ignore
import { parseInput } from '#shared/errors/parse.ts'
import { SiloError } from '#shared/errors/silo-error.ts'
import { sharingResponseSchema, type Effective, type PutSharing, type Sharing as SharingView, type SharingDevice } from '#shared/protocol/sharing.ts' // prettier-ignore
import type { AuditLog } from './audit.ts'
import { everything, grantedTo, isFor, isOwner, reaches, subjectKey } from './granted.ts'
import type { Policies } from './policies.ts'

/** The API of the companion that is the home of a collection. */
export type AskHome = (
  home: string,
  request: { readonly method: 'PATCH' | 'PUT'; readonly path: string; readonly body: unknown },
  signal: AbortSignal,
) => Promise<unknown>

export interface SharingInit {
  readonly policies: Policies
  readonly audit: Pick<AuditLog, 'record'>
  /** Peer id of this companion, and its name. */
  readonly self: string
  readonly selfName: string
  /** The book. */
  devices(): readonly Pick<PairedDevice, 'id' | 'name' | 'role' | 'kind'>[]
  /** @throws SiloError home_away and what the home answers */
  readonly askHome: AskHome
}

/** Who asks. */
export interface Asker {
  /** As permissions name it: a device id, or `self` for owners. */
  readonly device: string
  /** As the log names it: an owner's phone has a name of its own there. */
  readonly line?: { readonly device: string; readonly name?: string }
}

/** Shows and changes who may use a collection. */
export class Sharing {
  readonly #init: SharingInit

  constructor(init: SharingInit) {
    this.#init = init
  }

  /** @throws SiloError collection_unknown, access_missing */
  view(collectionId: string, asker: Asker): SharingView {
    const mine = this.#require(collectionId, asker)
    const { policies, self, selfName } = this.#init
    const signed = policies.get(collectionId)!
    const { policy } = signed
    const own = policy.home === self
    const groups = new Map([...policy.groups, ...(own ? policies.groups() : [])].map((group) => [group.id, group])) // prettier-ignore
    const homeName = own ? selfName : this.#device(policy.home).name
    return {
      collectionId,
      name: policy.name,
      home: policy.home,
      ...(homeName === undefined ? {} : { homeName }),
      own,
      version: policy.version,
      grants: policy.grants,
      groups: [...groups.values()],
      devices: this.#candidates(policy),
      effective: this.#effective(policy),
      mine,
      signed,
    }
  }

  /**
   * Gives and takes. At the home the new policy is signed; elsewhere the home is asked, and decides by what this
   * companion may do. @throws SiloError collection_unknown, access_missing, sharing_exceeds, conflict, group_unknown,
   * bad_request, home_away
   */
  async change(
    collectionId: string,
    asker: Asker,
    { version, grants }: PutSharing,
    signal: AbortSignal,
  ): Promise<SharingView> {
    const { policies, self, askHome } = this.#init
    const mine = this.#require(collectionId, asker, grants)
    const { policy } = policies.get(collectionId)!
    requireDistinct(grants)
    if (exceeds(policy.grants, grants, mine)) {
      this.#note(collectionId, asker, false, grants)
      throw new SiloError('sharing_exceeds')
    }
    if (policy.home === self) {
      if (policy.version !== version) throw new SiloError('conflict', { params: { detail: 'version' }, field: 'version' }) // prettier-ignore
      const known = new Set(policies.groups().map(({ id }) => id))
      for (const { subject } of grants)
        if (subject.kind === 'group' && !known.has(subject.id)) throw new SiloError('group_unknown')
      policies.setGrants(collectionId, grants)
    } else {
      const path = `/api/collections/${encodeURIComponent(collectionId)}/sharing`
      const answer = await askHome(policy.home, { method: 'PUT', path, body: { version, grants } }, signal) // prettier-ignore
      const { signed } = parseInput(sharingResponseSchema, answer).sharing
      policies.accept(signed, policy.home)
    }
    this.#note(collectionId, asker, true, grants, policy.grants)
    return this.view(collectionId, asker)
  }

  /** A device that made a collection administers it; members have it as any other. */
  created(collectionId: string, device: string): void {
    const signed = this.#init.policies.get(collectionId)
    if (device === 'self' || !signed) return
    this.#init.policies.setGrants(collectionId, [
      ...signed.policy.grants,
      { subject: { kind: 'device', id: device }, ...everything },
    ])
  }

  /** Has the home rename a collection. The new name comes with its next policy. @throws SiloError home_away */
  async askRename(collectionId: string, name: string, signal: AbortSignal): Promise<void> {
    const signed = this.#init.policies.get(collectionId)
    if (!signed) throw new SiloError('collection_unknown')
    const path = `/api/collections/${encodeURIComponent(collectionId)}`
    await this.#init.askHome(signed.policy.home, { method: 'PATCH', path, body: { name } }, signal)
  }

  #require(collectionId: string, asker: Asker, wanted?: readonly Grant[]): Access {
    const access = this.#init.policies.accessOf(collectionId, asker.device)
    if (!access) {
      if (wanted) this.#note(collectionId, asker, false, wanted)
      throw new SiloError('collection_unknown')
    }
    if (reaches(access.level, 'share')) return access
    if (wanted) this.#note(collectionId, asker, false, wanted)
    throw new SiloError('access_missing')
  }

  #note(
    collectionId: string,
    asker: Asker,
    allowed: boolean,
    grants: readonly Grant[],
    before?: readonly Grant[],
  ): void {
    const { audit } = this.#init
    audit.record({
      ...(asker.line ?? { device: asker.device }),
      action: 'grant',
      collectionIds: [collectionId],
      allowed,
      detail: this.#changes(before ?? [], grants),
    })
  }

  /** `+ Phone: read, − Team: write` */
  #changes(before: readonly Grant[], after: readonly Grant[]): string {
    const text = ({ subject, level, copy }: Grant): string => {
      const name =
        subject.kind === 'members'
          ? 'members'
          : subject.kind === 'device'
            ? (this.#device(subject.id).name ?? subject.id.slice(-8))
            : (this.#init.policies.groups().find(({ id }) => id === subject.id)?.name ?? subject.id)
      return `${name}: ${level}${copy ? ', copy' : ''}`
    }
    const old = new Set(before.map(text))
    const now = new Set(after.map(text))
    return [
      ...[...old].filter((each) => !now.has(each)).map((each) => `− ${each}`),
      ...[...now].filter((each) => !old.has(each)).map((each) => `+ ${each}`),
    ].join('; ')
  }

  #device(id: string): SharingDevice {
    if (id === this.#init.self) return { id, name: this.#init.selfName, kind: 'companion' }
    const known = this.#init.devices().find((device) => device.id === id)
    return known ? { id, name: known.name, role: known.role, kind: known.kind } : { id }
  }

  /** Who is in the book here, and whom the policy names. */
  #candidates(policy: CollectionPolicy): SharingDevice[] {
    const ids = new Set([
      ...this.#init.devices().map(({ id }) => id),
      ...policy.grants.flatMap(({ subject }) => (subject.kind === 'device' ? [subject.id] : [])),
      ...policy.groups.flatMap(({ members }) => members),
      ...policy.members,
      ...(policy.owners ?? []),
    ])
    return [...ids].map((id) => this.#device(id))
  }

  #effective(policy: CollectionPolicy): Effective[] {
    return this.#candidates(policy).flatMap((device): Effective[] => {
      if (isOwner(policy, device.id)) return [{ device, access: everything, by: ['owner'] }]
      const access = grantedTo(policy, device.id)
      if (!access) return []
      const by = policy.grants.filter((grant) => isFor(grant, device.id, policy))
      return [{ device, access, by: by.map(({ subject }) => subject) }]
    })
  }
}

/**
 * Whether a change is more than `mine` allows. Nobody gives a level above its own, nor a copy without having one; and
 * only who administers lowers or takes away.
 */
export function exceeds(before: readonly Grant[], after: readonly Grant[], mine: Access): boolean {
  const old = new Map(before.map((grant) => [subjectKey(grant.subject), grant]))
  const now = new Map(after.map((grant) => [subjectKey(grant.subject), grant]))
  if (!reaches(mine.level, 'admin'))
    for (const [key, grant] of old) {
      const next = now.get(key)
      if (!next || !reaches(next.level, grant.level) || (grant.copy && !next.copy)) return true
    }
  return [...now].some(([key, { level, copy }]) => {
    const had = old.get(key)
    const raised = !had || accessLevels.indexOf(level) > accessLevels.indexOf(had.level)
    const copied = copy && !had?.copy
    return (raised && !reaches(mine.level, level)) || (copied && !mine.copy)
  })
}

function requireDistinct(grants: readonly Grant[]): void {
  if (new Set(grants.map(({ subject }) => subjectKey(subject))).size === grants.length) return
  throw new SiloError('bad_request', {
    params: { detail: 'grants: each subject once' },
    field: 'grants',
  })
}
