import type { ApiKey, Settings } from '#shared/domain/settings.ts'
import { type SiloError, toSiloError } from '#shared/errors/silo-error.ts'
import { keyCreatedSchema, keyListSchema, settingsResponseSchema } from '#shared/protocol/api.ts'
import { request, send } from '#web/client/api.ts'
import { companion } from '#web/client/companion.svelte.ts'
import { Resource } from '#web/client/resource.svelte.ts'

export type SaveState =
  | { readonly status: 'idle' }
  | { readonly status: 'saving' }
  | { readonly status: 'saved' }
  | { readonly status: 'error'; readonly error: SiloError }

type Field = keyof Settings

/** Reads a number a person typed; undefined unless it lies in the range (and is whole, where asked). */
export function numberIn(
  text: string,
  min: number,
  max: number,
  whole = false,
): number | undefined {
  const value = Number(text.trim().replace(/[,\s]/g, ''))
  if (text.trim() === '' || !Number.isFinite(value) || value < min || value > max) return undefined
  return whole && !Number.isInteger(value) ? undefined : value
}

/** Settings that save themselves field by field, the API keys, and the facts about this companion. */
export class SettingsStore {
  readonly settings = companion.settings
  readonly models = companion.models
  readonly status = companion.status
  readonly keys = new Resource<ApiKey[]>(async (signal) => {
    const { keys } = await request('/api/keys', keyListSchema, { signal })
    return keys
  })

  readonly #saves = $state<Partial<Record<Field, SaveState>>>({})
  readonly #timers = new Map<Field, ReturnType<typeof setTimeout>>()
  readonly #pending = new Map<Field, Partial<Settings>>()

  start(): () => void {
    void this.keys.load()
    return () => {
      this.flush()
      this.keys.dispose()
    }
  }

  saveState(field: Field): SaveState {
    return this.#saves[field] ?? { status: 'idle' }
  }

  /** Saves one field after `delayMs` without a further change; 0 saves at once. */
  change<F extends Field>(field: F, value: Settings[F], delayMs = 0): void {
    clearTimeout(this.#timers.get(field))
    this.#pending.set(field, { [field]: value })
    this.#saves[field] = { status: 'saving' }
    if (delayMs === 0) void this.#save(field)
    else
      this.#timers.set(
        field,
        setTimeout(() => void this.#save(field), delayMs),
      )
  }

  /** Drops a change that waits, because the field now holds something that cannot be saved. */
  drop(field: Field): void {
    clearTimeout(this.#timers.get(field))
    this.#pending.delete(field)
    this.#saves[field] = { status: 'idle' }
  }

  /** Sends what still waits, e.g. because the page is left. */
  flush(): void {
    for (const field of this.#pending.keys()) {
      clearTimeout(this.#timers.get(field))
      void this.#save(field)
    }
  }

  async createKey(name: string): Promise<{ key: ApiKey; secret: string }> {
    const created = await request('/api/keys', keyCreatedSchema, { method: 'POST', body: { name } })
    this.keys.set([...(this.keys.value ?? []), created.key])
    return created
  }

  async revokeKey(id: string): Promise<void> {
    await send(`/api/keys/${encodeURIComponent(id)}`, { method: 'DELETE' })
    this.keys.set((this.keys.value ?? []).filter((key) => key.id !== id))
  }

  async #save(field: Field): Promise<void> {
    const patch = this.#pending.get(field)
    if (!patch) return
    try {
      const { settings } = await request('/api/settings', settingsResponseSchema, {
        method: 'PATCH',
        body: patch,
      })
      if (this.#pending.get(field) !== patch) return
      this.#pending.delete(field)
      this.#saves[field] = { status: 'saved' }
      this.settings.set(settings)
    } catch (cause) {
      if (this.#pending.get(field) !== patch) return
      this.#pending.delete(field)
      this.#saves[field] = { status: 'error', error: toSiloError(cause, 'page') }
    }
  }
}
