import { hostname } from 'node:os'
import { join } from 'node:path'
import type { Config } from '#companion/config/config.ts'
import type { SettingsStore } from '#companion/config/settings-store.ts'
import type { LanServerOptions } from '#companion/lan/lan-server.ts'
import { AddressWatch, type LanAddress } from '#companion/lan/interfaces.ts'
import { Lan, type LanOptions } from '#companion/lan/lan.ts'
import type { ChangeFeed } from '#companion/observe/change-feed.ts'
import type { Log } from '#companion/observe/log.ts'
import type { SecretFiles } from '#companion/seal/secret-files.ts'

const defaultLanPort = 7451

/** For tests: other addresses than the machine's, and multicast DNS that no device of the house hears. */
export interface LanOverrides {
  readonly readAddresses?: () => LanAddress[]
  readonly multicast?: LanOptions['multicast']
}

interface Parts extends LanOverrides {
  readonly config: Config
  readonly secrets: SecretFiles
  readonly companionId: string
  readonly settings: SettingsStore
  readonly changes: ChangeFeed
  readonly log: Log
  /** The gateway's app, which is built after this. */
  readonly app: () => LanServerOptions['app']
}

/** The local network's side. `start` turns it on where the settings or the configuration say so. */
export function composeLan(parts: Parts) {
  const { config, secrets, companionId, settings, changes, log, app, readAddresses, multicast } =
    parts
  const addresses = new AddressWatch(readAddresses ? { read: readAddresses, intervalMs: 50 } : {})
  const allowed = config.lan !== false
  const lan = new Lan({
    folder: join(config.home, 'lan'),
    deviceName: hostname(),
    deviceId: companionId,
    port: config.lanPort ?? defaultLanPort,
    allowed,
    app: { fetch: (request, bindings) => app().fetch(request, bindings) },
    secrets,
    addresses,
    log,
    onChange: () => changes.publish('settings', 'lan'),
    ...(multicast ? { multicast } : {}),
  })
  return {
    addresses,
    lan,
    /** What the gateway serves: the switch is kept for the next start. */
    service: {
      state: () => lan.state(),
      set(on: boolean) {
        settings.patch({ lan: on })
        return lan.set(on)
      },
    },
    /** Answers for the names while other devices are let in, too. Returns the end of it. */
    followLink(isOn: () => boolean): () => void {
      return changes.subscribe(({ topic }) => {
        if (topic === 'devices') void lan.setLink(isOn())
      })
    },
    async start(): Promise<void> {
      if (allowed && (settings.get().lan ?? config.lan ?? false)) await lan.set(true)
    },
    async [Symbol.asyncDispose](): Promise<void> {
      addresses[Symbol.dispose]()
      await lan[Symbol.asyncDispose]()
    },
  }
}
