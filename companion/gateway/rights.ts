import type { AuditLine } from '#companion/team/audit.ts'
import { reaches } from '#companion/team/granted.ts'
import type { Access, AccessLevel, AuditEntry } from '#shared/domain/sharing.ts'
import { SiloError } from '#shared/errors/silo-error.ts'
import type { GatewayContext } from './environment.ts'
import type { Caller, GatewayServices, TeamService } from './services.ts'

type Action = AuditEntry['action']

/** As permissions name a caller: a device's key, or `self` for the person here and the owners' devices. */
export function deviceOf(caller: Caller): string {
  return caller.kind === 'device' && caller.role !== 'owner' ? caller.deviceId : 'self'
}

/** Who did something, for those who read of it later: an owner's device by its id too. */
export function authorOf(caller: Caller): string {
  return caller.kind === 'device' ? caller.deviceId : 'self'
}

/** What one caller may do with collections, asked anew each time; what it does and is refused is noted. */
export class Rights {
  readonly device: string
  readonly #caller: Caller
  readonly #team: TeamService

  constructor(caller: Caller, team: TeamService) {
    this.device = deviceOf(caller)
    this.#caller = caller
    this.#team = team
  }

  accessOf(collectionId: string): Access | undefined {
    return this.#team.policies.accessOf(collectionId, this.device)
  }

  may(collectionId: string, level: AccessLevel): boolean {
    return reaches(this.accessOf(collectionId)?.level, level)
  }

  /** The collections it may ask. */
  readable(): readonly string[] {
    return this.#team.policies.allowed(this.device, 'read')
  }

  /**
   * @throws SiloError collection_unknown where it may not read either: nobody learns of what is not theirs;
   * access_missing
   */
  require(collectionId: string, level: AccessLevel, action: Action): void {
    if (this.may(collectionId, level)) return
    this.note({ action, collectionIds: [collectionId], allowed: false })
    throw new SiloError(this.may(collectionId, 'read') ? 'access_missing' : 'collection_unknown')
  }

  /** Notes what it did. The person here who asks what is theirs leaves no line: nobody else's data was asked. */
  note(line: Omit<AuditLine, 'device' | 'name'>): void {
    const { policies, audit } = this.#team
    const isLook = line.allowed && (line.action === 'search' || line.action === 'open')
    const isHere = this.#caller.kind !== 'device'
    if (isHere && isLook && line.collectionIds.every((id) => policies.isOwn(id))) return
    audit.record({ ...line, ...this.asker })
  }

  get asker(): { device: string; name?: string } {
    const caller = this.#caller
    return caller.kind === 'device'
      ? { device: caller.deviceId, name: caller.name }
      : { device: 'self' }
  }

  /**
   * Does `work` for as long as the caller may do `level` with all of these; it is aborted in the moment it may not.
   * @throws SiloError collection_unknown, access_missing, what `work` throws
   */
  async during<T>(
    collectionIds: readonly string[],
    level: AccessLevel,
    action: Action,
    signal: AbortSignal,
    work: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const check = (): void => {
      for (const id of collectionIds) this.require(id, level, action)
    }
    check()
    const lost = new AbortController()
    const end = this.#team.policies.onChange(() => {
      if (collectionIds.every((id) => this.may(id, level))) return
      lost.abort(new SiloError('access_missing'))
    })
    try {
      const result = await work(AbortSignal.any([signal, lost.signal]))
      // What was found before the right was lost is not given out after.
      check()
      return result
    } catch (error) {
      if (lost.signal.aborted) check()
      throw error
    } finally {
      end()
    }
  }
}

export function rightsOf(context: GatewayContext, services: Pick<GatewayServices, 'team'>): Rights {
  return new Rights(context.get('caller'), services.team)
}
