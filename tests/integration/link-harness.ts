import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startCompanion, type Companion, type Overrides } from '#companion/compose.ts'
import { newId } from '#shared/domain/ids.ts'
import type { Pairing } from '#shared/protocol/link.ts'
import { createFakeEngine } from '#tests/fakes/engine.ts'
import type { Loose } from './gateway-harness.ts'

export interface LinkHarness {
  readonly home: string
  readonly companion: Companion
  /** A request of the owner at the local address. */
  api(path: string, init?: { method?: string; body?: unknown }): Promise<{ status: number; body: Loose }> // prettier-ignore
  invite(role?: string): Promise<{ pairing: Pairing; link: string }>
  addresses(): Promise<string[]>
  close(keepHome?: boolean): Promise<void>
}

/** A whole companion with the fake engine and free ports, and its owner. */
export async function startLinkHarness(
  options: { home?: string; overrides?: Overrides; linkPort?: number } = {},
): Promise<LinkHarness> {
  const home = options.home ?? mkdtempSync(join(tmpdir(), 'silo-link-'))
  const companion = await startCompanion(
    {
      home,
      port: 0,
      host: '127.0.0.1',
      logLevel: 'error',
      offline: true,
      allowedHosts: [],
      linkPort: options.linkPort ?? 0,
      syncPort: 0,
    },
    {
      engine: createFakeEngine(),
      ...options.overrides,
      link: { mdns: false, hosts: () => ['127.0.0.1'], ...options.overrides?.link },
    },
  )
  const api: LinkHarness['api'] = async (path, init = {}) => {
    const response = await fetch(companion.url + path, {
      method: init.method ?? 'GET',
      headers: {
        authorization: `Bearer ${companion.token}`,
        ...(init.body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(init.body === undefined ? {} : { body: JSON.stringify(init.body) }),
    })
    const text = await response.text()
    return { status: response.status, body: text ? JSON.parse(text) : undefined }
  }
  return {
    home,
    companion,
    api,
    async invite(role = 'owner') {
      const { body } = await api('/api/pairings', { method: 'POST', body: { id: newId(), role } })
      return body
    },
    async addresses() {
      return (await api('/api/link')).body.companion.addresses
    },
    async close(keepHome = false) {
      await companion.close()
      if (!keepHome) rmSync(home, { recursive: true, force: true })
    },
  }
}
