import { hostname } from 'node:os'
import { join } from 'node:path'
import type { DatabaseSync } from 'node:sqlite'
import type { Config } from '#companion/config/config.ts'
import { DeviceBook } from '#companion/link/device-book.ts'
import { Link, type LinkInit } from '#companion/link/link.ts'
import type { ChangeFeed } from '#companion/observe/change-feed.ts'
import type { Log } from '#companion/observe/log.ts'
import type { SecretFiles } from '#companion/seal/secret-files.ts'

export const defaultLinkPort = 7452

/** For tests. */
export type LinkOverrides = Partial<Pick<LinkInit, 'mdns' | 'invitationMs' | 'strangerMs' | 'idleMs' | 'hosts' | 'name' | 'standing'>> // prettier-ignore

interface Parts extends Pick<LinkInit, 'hosts' | 'names' | 'appBase' | 'appUrls' | 'answer'> {
  readonly config: Config
  readonly companionId: string
  /** PKCS #8 PEM. */
  readonly deviceKey: string
  readonly secrets: SecretFiles
  readonly database: DatabaseSync
  readonly changes: ChangeFeed
  readonly log: Log
  readonly overrides: LinkOverrides
}

/** The way in for other devices. `resume` opens it where somebody could come. */
export function composeLink(parts: Parts): Link {
  const { config, companionId, deviceKey, secrets, database, changes, log, overrides } = parts
  return new Link({
    allowed: config.link !== false,
    id: companionId,
    keyPem: deviceKey,
    name: hostname(),
    port: config.linkPort ?? defaultLinkPort,
    mdns: true,
    certificate: secrets.text(join(config.home, 'link-certificate.json')),
    lastPort: secrets.text(join(config.home, 'link-port')),
    book: new DeviceBook(database),
    hosts: parts.hosts,
    names: parts.names,
    appBase: () => config.appUrl ?? parts.appBase(),
    appUrls: parts.appUrls,
    answer: parts.answer,
    onChange: (id) => changes.publish('devices', id),
    log,
    ...overrides,
  })
}
