import type { ModelState } from '#shared/domain/model.ts'
import type { Settings } from '#shared/domain/settings.ts'
import type { Collection } from '#shared/domain/vault.ts'
import {
  collectionListSchema,
  modelListSchema,
  settingsResponseSchema,
  statusSchema,
  type Status,
} from '#shared/protocol/api.ts'
import { request } from './api.ts'
import { Resource } from './resource.svelte.ts'
import { connection } from './stream.svelte.ts'
import { onChange, onRunEvent } from './stream.ts'

/** What every page needs to know of the companion; kept fresh by its change events. */
class Companion {
  readonly status = new Resource<Status>(async (signal) => {
    const status = await request('/api/status', statusSchema, { signal })
    connection.name(status.deviceName)
    return status
  })
  readonly settings = new Resource<Settings>(async (signal) => {
    const { settings } = await request('/api/settings', settingsResponseSchema, { signal })
    return settings
  })
  readonly models = new Resource<ModelState[]>(async (signal) => {
    const { models } = await request('/api/models', modelListSchema, { signal })
    return models
  })
  readonly collections = new Resource<Collection[]>(async (signal) => {
    try {
      const { collections } = await request('/api/collections', collectionListSchema, { signal })
      return collections
    } catch (cause) {
      const kept = await import('./vault-copies/kept-collections.ts').catch(() => undefined)
      return (await kept?.collectionsHere(cause)) ?? Promise.reject(cause)
    }
  })

  start(): () => void {
    const stops = [
      onChange('status', () => void this.status.load()),
      onChange('settings', () => void this.settings.load()),
      onChange('models', () => {
        void this.models.load()
        void this.status.load()
      }),
      onChange('vault', () => void this.collections.load()),
      // What runs, and what it took, is part of the status.
      onRunEvent(({ body }) => {
        if (body.type === 'run-started' || body.type === 'run-ended') void this.status.load()
      }),
    ]
    const all = [this.status, this.settings, this.models, this.collections]
    for (const resource of all) void resource.load()
    return () => {
      for (const stop of stops) stop()
      for (const resource of all) resource.dispose()
    }
  }

  /** Models a conversation can use now. */
  get chatModels(): ModelState[] {
    return (this.models.value ?? []).filter(
      (model) => model.installed && model.entry.task === 'chat',
    )
  }

  /** The model that answers where a conversation names none. */
  get defaultModelId(): string | undefined {
    const chosen = this.settings.value?.chatModelId ?? this.status.value?.chatModelId
    return chosen ?? (this.chatModels.find(({ loaded }) => loaded) ?? this.chatModels[0])?.entry.id
  }

  modelName(id: string | undefined): string | undefined {
    if (id === undefined) return undefined
    return this.models.value?.find((model) => model.entry.id === id)?.entry.name ?? id
  }
}

export const companion = new Companion()
