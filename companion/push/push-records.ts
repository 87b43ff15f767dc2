import type { DatabaseSync } from 'node:sqlite'
import { migrate, transaction } from '#companion/records/database.ts'
import type { PushSubscriptionInfo } from '#shared/protocol/push.ts'

export interface PushRecord {
  readonly subscription: PushSubscriptionInfo
  /** The paired device; '' for a browser at the companion's own address. */
  readonly deviceId: string
  readonly deviceName: string
  readonly language: 'en' | 'zh'
}

/** Subscriptions one device may have; a browser that subscribes anew has a new endpoint. */
const perDevice = 10

/** Who asked to be told by Web Push. */
export class PushRecords {
  readonly #database: DatabaseSync

  constructor(database: DatabaseSync) {
    this.#database = database
    migrate(database, 'push', [
      `CREATE TABLE push_subscriptions (
        endpoint TEXT PRIMARY KEY, p256dh TEXT NOT NULL, auth TEXT NOT NULL, device_id TEXT NOT NULL,
        device_name TEXT NOT NULL, language TEXT NOT NULL, created_at INTEGER NOT NULL) STRICT`,
    ])
  }

  put({ subscription, deviceId, deviceName, language }: PushRecord): void {
    const { endpoint, keys } = subscription
    transaction(this.#database, () => {
      this.#database
        .prepare(
          `INSERT OR REPLACE INTO push_subscriptions
             (endpoint, p256dh, auth, device_id, device_name, language, created_at)
           VALUES (?, ?, ?, ?, ?, ?, ?)`,
        )
        .run(endpoint, keys.p256dh, keys.auth, deviceId, deviceName, language, Date.now())
      this.#database
        .prepare(
          `DELETE FROM push_subscriptions WHERE device_id = ? AND endpoint NOT IN (
             SELECT endpoint FROM push_subscriptions WHERE device_id = ?
             ORDER BY created_at DESC, rowid DESC LIMIT ?)`,
        )
        .run(deviceId, deviceId, perDevice)
    })
  }

  list(): PushRecord[] {
    return this.#database
      .prepare('SELECT * FROM push_subscriptions ORDER BY created_at')
      .all()
      .map((row) => ({
        subscription: {
          endpoint: String(row.endpoint),
          keys: { p256dh: String(row.p256dh), auth: String(row.auth) },
        },
        deviceId: String(row.device_id),
        deviceName: String(row.device_name),
        language: row.language === 'zh' ? 'zh' : 'en',
      }))
  }

  /** With `deviceId` only where it is that device's. */
  remove(endpoint: string, deviceId?: string): void {
    this.#database
      .prepare('DELETE FROM push_subscriptions WHERE endpoint = ? AND device_id = ?')
      .run(endpoint, deviceId ?? this.#deviceOf(endpoint))
  }

  #deviceOf(endpoint: string): string {
    const row = this.#database
      .prepare('SELECT device_id FROM push_subscriptions WHERE endpoint = ?')
      .get(endpoint)
    return String(row?.device_id ?? '')
  }
}
