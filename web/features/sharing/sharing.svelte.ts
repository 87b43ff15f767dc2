import { accessLevels, type AccessLevel, type Grant, type Group, type Subject } from '#shared/domain/sharing.ts' // prettier-ignore
import { newId } from '#shared/domain/ids.ts'
import { toSiloError, type SiloError } from '#shared/errors/silo-error.ts'
import { groupListSchema, groupResponseSchema, sharingResponseSchema, type Sharing } from '#shared/protocol/sharing.ts' // prettier-ignore
import { request, send } from '#web/client/api.ts'
import { Resource } from '#web/client/resource.svelte.ts'
import { onChange } from '#web/client/stream.ts'
import { subjectKey } from './names.ts'

/** Who may use one collection. Every change is sent at once; the companion's answer is what is shown. */
export class SharingStore {
  readonly #path: string
  readonly sharing: Resource<Sharing>
  #busy = $state(false)
  #failure = $state.raw<SiloError>()
  /** What is on the screen was changed by somebody else meanwhile. */
  #newer = $state(false)

  constructor(collectionId: string) {
    this.#path = `/api/collections/${encodeURIComponent(collectionId)}/sharing`
    this.sharing = new Resource(async (signal) => {
      const { sharing } = await request(this.#path, sharingResponseSchema, { signal })
      return sharing
    })
  }

  get busy(): boolean {
    return this.#busy
  }

  get failure(): SiloError | undefined {
    return this.#failure
  }

  get newer(): boolean {
    return this.#newer
  }

  /** Reads it, and again when grants, groups or devices change. Returns the end of it. */
  start(): () => void {
    const load = () => void (this.#busy || this.sharing.load())
    const stops = [onChange('vault', load), onChange('devices', load)]
    load()
    return () => {
      for (const stop of stops) stop()
      this.sharing.dispose()
    }
  }

  /** Whether the caller may give this level. */
  mayGive(level: AccessLevel): boolean {
    const mine = this.sharing.value?.mine
    return mine !== undefined && accessLevels.indexOf(level) <= accessLevels.indexOf(mine.level)
  }

  /** Adds a grant, or replaces the one for that subject. True when it is so. */
  async give(grant: Grant): Promise<boolean> {
    const grants = this.sharing.value?.grants ?? []
    const key = subjectKey(grant.subject)
    const known = grants.some(({ subject }) => subjectKey(subject) === key)
    const next = known
      ? grants.map((each) => (subjectKey(each.subject) === key ? grant : each))
      : [...grants, grant]
    return this.#put(next)
  }

  /** True when it is so. */
  async take(subject: Subject): Promise<boolean> {
    const grants = this.sharing.value?.grants ?? []
    return this.#put(grants.filter((each) => subjectKey(each.subject) !== subjectKey(subject)))
  }

  async #put(grants: readonly Grant[]): Promise<boolean> {
    const version = this.sharing.value?.version
    if (version === undefined || this.#busy) return false
    this.#busy = true
    this.#failure = undefined
    this.#newer = false
    try {
      const body = { version, grants }
      const answer = await request(this.#path, sharingResponseSchema, { method: 'PUT', body })
      this.sharing.set(answer.sharing)
      return true
    } catch (cause) {
      const error = toSiloError(cause, 'page')
      this.#newer = error.code === 'conflict'
      if (!this.#newer) this.#failure = error
      await this.sharing.load()
      return false
    } finally {
      this.#busy = false
    }
  }
}

/** The groups of this companion. Owners only. */
export class GroupsStore {
  readonly groups = new Resource<Group[]>(async (signal) => {
    const { groups } = await request('/api/groups', groupListSchema, { signal })
    return groups
  })

  async create(name: string, members: readonly string[] = [], id = newId()): Promise<void> {
    const body = { id, name, members }
    await request('/api/groups', groupResponseSchema, { method: 'POST', body })
    await this.groups.load()
  }

  async change(id: string, body: { name?: string; members?: readonly string[] }): Promise<void> {
    const { group } = await request(`/api/groups/${id}`, groupResponseSchema, { method: 'PATCH', body }) // prettier-ignore
    this.groups.set((this.groups.value ?? []).map((known) => (known.id === id ? group : known)))
  }

  async remove(id: string): Promise<void> {
    await send(`/api/groups/${id}`, { method: 'DELETE' })
    this.groups.set((this.groups.value ?? []).filter((known) => known.id !== id))
  }
}
