import type { DatabaseSync } from 'node:sqlite'
import * as v from 'valibot'
import { migrate, transaction } from '#companion/records/database.ts'
import { defaultSettings, settingsSchema, type Settings } from '#shared/domain/settings.ts'

/** The user's settings, one row a key, so that a value an older version left behind spoils only itself. */
export class SettingsStore {
  readonly #database: DatabaseSync
  #current: Settings

  constructor(database: DatabaseSync) {
    this.#database = database
    migrate(database, 'settings', [
      'CREATE TABLE settings (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT',
    ])
    this.#current = this.#read()
  }

  get(): Settings {
    return this.#current
  }

  /** Changes the given keys; `undefined` resets a key to its default. */
  patch(changes: Partial<Settings>): Settings {
    transaction(this.#database, () => {
      const put = this.#database.prepare(
        'INSERT INTO settings (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value',
      )
      const drop = this.#database.prepare('DELETE FROM settings WHERE key = ?')
      for (const [key, value] of Object.entries(changes)) {
        if (value === undefined) drop.run(key)
        else put.run(key, JSON.stringify(value))
      }
    })
    this.#current = this.#read()
    return this.#current
  }

  #read(): Settings {
    const settings: Record<string, unknown> = { ...defaultSettings }
    const entries: Record<string, v.GenericSchema> = settingsSchema.entries
    for (const row of this.#database.prepare('SELECT key, value FROM settings').all()) {
      const key = String(row.key)
      const schema = entries[key]
      if (!schema) continue
      const parsed = v.safeParse(schema, JSON.parse(String(row.value)))
      if (parsed.success) settings[key] = parsed.output
    }
    return settings as Settings
  }
}
