import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as v from 'valibot'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startCompanion, type Companion } from '#companion/compose.ts'
import { loadConfig } from '#companion/config/config.ts'
import { newId } from '#shared/domain/ids.ts'
import { egressListSchema } from '#shared/protocol/egress.ts'
import { pushInfoSchema } from '#shared/protocol/push.ts'
import { createFakeEngine } from '#tests/fakes/engine.ts'
import type { Loose } from './gateway-harness.ts'
import { testModelState } from './openai-server.ts'

let home: string
let hub: Server
let companion: Companion
let asked = 0
const bytes = 'GGUF'

beforeAll(async () => {
  home = mkdtempSync(join(tmpdir(), 'silo-egress-'))
  hub = createServer((_request, response) => {
    asked += 1
    response.end(bytes)
  })
  await new Promise<void>((resolve) => hub.listen(0, '127.0.0.1', resolve))
  const endpoint = `http://127.0.0.1:${(hub.address() as AddressInfo).port}`
  const entry = {
    ...testModelState('small-chat', 'chat').state.entry,
    size: bytes.length,
    sha256: createHash('sha256').update(bytes).digest('hex'),
    sources: [
      { type: 'huggingface' as const, repo: 'a/b', file: 'small-chat.gguf', revision: 'main' },
    ],
  }
  companion = await startCompanion(
    loadConfig({ SILO_HOME: home, SILO_PORT: '0', SILO_HF_ENDPOINT: endpoint }),
    { engine: createFakeEngine(), catalogue: [entry] },
  )
})
afterAll(async () => {
  await companion.close()
  hub.close()
  rmSync(home, { recursive: true, force: true })
})

async function api(path: string, body?: unknown, method = body ? 'POST' : 'GET'): Promise<Loose> {
  const response = await fetch(`${companion.url}/api${path}`, {
    method,
    headers: { authorization: `Bearer ${companion.token}` },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  return response.status === 204 ? undefined : response.json()
}
const ledger = async (query = '') => v.parse(egressListSchema, await api(`/egress${query}`))

describe('the egress ledger of a companion', () => {
  it('is empty while nothing has left', async () => {
    expect(await ledger()).toEqual({ entries: [], total: 0 })
    await api('/status')
    await api('/settings', { webPush: true }, 'PATCH')
    await api('/settings', { webPush: false }, 'PATCH')
    expect((await ledger()).total).toBe(0)
    expect(asked).toBe(0)
  })

  it('names the host and the model of a download', async () => {
    const id = newId()
    await api('/runs', { kind: 'download', id, modelId: 'small-chat' })
    await expect
      .poll(async () => (await api(`/runs/${id}/events`)).run.outcome, { timeout: 10_000 })
      .toBe('done')
    expect(asked).toBe(1)
    const { entries, total } = await ledger()
    expect(total).toBe(1)
    expect(entries).toMatchObject([
      { kind: 'download', host: '127.0.0.1', place: 'self', refused: false, connections: 1, purpose: 'small-chat.gguf', runId: id }, // prettier-ignore
    ])
    expect(entries[0]!.sent).toBeGreaterThan(50)
    expect(entries[0]!.received).toBeGreaterThan(bytes.length)
    expect((await ledger(`?run=${id}`)).total).toBe(1)
    expect((await ledger('?place=outside')).total).toBe(0)
    expect((await ledger(`?before=${entries[0]!.id}`)).entries).toEqual([])
    expect((await ledger('?limit=1')).entries).toHaveLength(1)
    expect((await api('/egress?limit=0x1')).error.code).toBe('bad_request')
  })

  it('has push switched off until somebody switches it on', async () => {
    const info = v.parse(pushInfoSchema, await api('/push'))
    expect(info.enabled).toBe(false)
    expect(Buffer.from(info.publicKey, 'base64url')).toHaveLength(65)
    const subscription = {
      endpoint: 'https://fcm.googleapis.com/fcm/send/abc',
      keys: { p256dh: info.publicKey, auth: 'AAAAAAAAAAAAAAAAAAAAAA' },
    }
    const asking = { subscription, language: 'en' }
    expect((await api('/push', asking)).error.code).toBe('push_off')
    await api('/settings', { webPush: true }, 'PATCH')
    expect(await api('/push', asking)).toBeUndefined()
    const inside = { ...subscription, endpoint: 'https://192.168.1.1/admin' }
    expect((await api('/push', { ...asking, subscription: inside })).error.code).toBe('bad_request')
    expect((await api('/push', { ...asking, language: 'xx' })).error.code).toBe('bad_request')
    expect(await api('/push', { endpoint: subscription.endpoint }, 'DELETE')).toBeUndefined()
    expect((await ledger()).total).toBe(1)
  })
})
