import type { Collection } from '#shared/domain/vault.ts'
import { collectionListSchema } from '#shared/protocol/api.ts'
import { teamSchema, type TeamCompanion } from '#shared/protocol/team.ts'
import { request, send } from '#web/client/api.ts'
import { Resource } from '#web/client/resource.svelte.ts'
import { onChange } from '#web/client/stream.ts'

interface Team {
  readonly companions: readonly TeamCompanion[]
  readonly collections: readonly Collection[]
}

/** The companions around this one, and the collections that are shared between them. */
export class TeamStore {
  readonly team = new Resource<Team>(async (signal) => {
    const [{ companions }, { collections }] = await Promise.all([
      request('/api/team', teamSchema, { signal }),
      request('/api/collections', collectionListSchema, { signal }),
    ])
    return { companions, collections }
  })

  get companions(): readonly TeamCompanion[] {
    return this.team.value?.companions ?? []
  }

  /** Those that others have documents in. */
  get shared(): readonly Collection[] {
    const all = this.team.value?.collections ?? []
    return all.filter(({ source, keepCopy }) => (source ?? 'own') !== 'own' || keepCopy !== undefined) // prettier-ignore
  }

  nameOf(collectionId: string): string | undefined {
    return this.team.value?.collections.find(({ id }) => id === collectionId)?.name
  }

  /** Reads everything and keeps it fresh. Returns the end of it. */
  start(): () => void {
    const load = (): void => void this.team.load()
    const stops = [onChange('devices', load), onChange('vault', load)]
    load()
    return () => {
      for (const stop of stops) stop()
      this.team.dispose()
    }
  }

  /** @throws SiloError access_missing, collection_unknown */
  async keepCopy(collectionId: string, keepCopy: boolean): Promise<void> {
    const path = `/api/team/collections/${encodeURIComponent(collectionId)}`
    await send(path, { method: 'PUT', body: { keepCopy } })
    await this.team.load()
  }
}
