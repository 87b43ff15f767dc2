import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Caller } from '#companion/gateway/services.ts'
import type { Transport } from '#shared/contracts/transport.ts'
import type { Role } from '#shared/domain/device.ts'
import { newId } from '#shared/domain/ids.ts'
import type { Grant } from '#shared/domain/sharing.ts'
import { createFakeEngine, type FakeEngine, type FakeEngineOptions } from '#tests/fakes/engine.ts'
import type { Loose } from './gateway-harness.ts'
import { LinkDevice } from './link-device.ts'
import { startLinkHarness, type LinkHarness } from './link-harness.ts'
import { testModelState } from './openai-server.ts'

export const roads = ['caller', 'websocket', 'tcp'] as const
export type MatrixRoad = (typeof roads)[number]

export interface Reply {
  readonly status: number
  readonly body: Loose
}

/** A device of the book, by every road. */
export interface WorldDevice {
  readonly id: string
  readonly role: Role
  send(road: MatrixRoad, path: string, init?: { method?: string; body?: unknown; bytes?: Uint8Array }): Promise<Reply> // prettier-ignore
  /** The raw answer, for streams. */
  open(road: MatrixRoad, path: string, headers?: Record<string, string>, signal?: AbortSignal): Promise<Response> // prettier-ignore
}

export interface PermissionWorld extends LinkHarness {
  readonly devices: Record<Role, WorldDevice>
  readonly engine: FakeEngine
  share(collectionId: string, grants: readonly Grant[]): Promise<void>
  /** A collection of the owner with these grants and no others. */
  collection(name: string, grants?: readonly Grant[]): Promise<string>
  /** Reads a text as a document of the collection; its id. */
  addDocument(collectionId: string, name: string, text: string): Promise<string>
}

const bytes = 'GGUF'
const entry = (id: string, task: 'chat' | 'embed') => ({
  ...testModelState(id, task).state.entry,
  size: bytes.length,
  sha256: createHash('sha256').update(bytes).digest('hex'),
  ...(task === 'embed' ? { dimensions: 384 } : {}),
})

function ok({ status, body }: Reply): Loose {
  if (status >= 300) throw new Error(`${status} ${JSON.stringify(body)}`)
  return body
}

/** A whole companion with models that fake, and one real paired device for each role. */
export async function startPermissionWorld(
  options: FakeEngineOptions = {},
): Promise<PermissionWorld> {
  const home = mkdtempSync(join(tmpdir(), 'silo-matrix-'))
  mkdirSync(join(home, 'models'))
  for (const id of ['chat-model', 'embed-model'])
    writeFileSync(join(home, 'models', `${id}.gguf`), bytes)
  const engine = createFakeEngine({ reply: () => 'It ends in March [1].', ...options })
  const harness = await startLinkHarness({
    home,
    overrides: {
      engine,
      catalogue: [entry('chat-model', 'chat'), entry('embed-model', 'embed')],
    },
  })
  const phones: LinkDevice[] = []
  const device = async (role: Role): Promise<WorldDevice> => {
    const phone = await LinkDevice.create()
    phones.push(phone)
    await phone.pair((await harness.invite(role)).link, { name: `${role} phone` })
    const addresses = await harness.addresses()
    const transports: Record<string, Transport> = {}
    const caller: Caller = { kind: 'device', deviceId: phone.id, name: `${role} phone`, role, road: 'webrtc' } // prettier-ignore
    const ask = async (
      road: MatrixRoad,
      request: { method: string; path: string; headers?: Record<string, string>; body?: string | Uint8Array }, // prettier-ignore
      signal: AbortSignal,
    ): Promise<Response> => {
      if (road !== 'caller') {
        transports[road] ??= await phone.transport(addresses, road)
        return transports[road].request(request, signal)
      }
      const { method, path, headers, body } = request
      const init = { method, signal, ...(headers ? { headers } : {}), ...(body === undefined ? {} : { body }) } // prettier-ignore
      return harness.companion.answer(new Request(`http://companion${path}`, init as RequestInit), caller) // prettier-ignore
    }
    return {
      id: phone.id,
      role,
      async send(road, path, init = {}) {
        const body = init.bytes ?? (init.body === undefined ? undefined : JSON.stringify(init.body))
        const response = await ask(
          road,
          { method: init.method ?? 'GET', path, ...(body === undefined ? {} : { body }) },
          AbortSignal.timeout(20_000),
        )
        const isJson = response.headers.get('content-type')?.includes('json')
        if (isJson) return { status: response.status, body: await response.json() }
        await response.arrayBuffer()
        return { status: response.status, body: undefined }
      },
      open: (road, path, headers = {}, signal = AbortSignal.timeout(20_000)) =>
        ask(road, { method: 'GET', path, headers }, signal),
    }
  }
  const devices = {
    owner: await device('owner'),
    member: await device('member'),
    guest: await device('guest'),
  }
  const share = async (id: string, grants: readonly Grant[]): Promise<void> => {
    const path = `/api/collections/${id}/sharing`
    const { version } = ok(await harness.api(path)).sharing
    ok(await harness.api(path, { method: 'PUT', body: { version, grants } }))
  }
  return {
    ...harness,
    devices,
    engine,
    share,
    async collection(name, grants = []) {
      const id = newId()
      ok(await harness.api('/api/collections', { method: 'POST', body: { id, name } }))
      await share(id, grants)
      return id
    },
    async addDocument(collectionId, name, text) {
      const folder = mkdtempSync(join(home, 'documents-'))
      writeFileSync(join(folder, name), text)
      const id = newId()
      const body = { kind: 'ingest', id, collectionId, paths: [join(folder, name)] }
      ok(await harness.api('/api/runs', { method: 'POST', body }))
      for (;;) {
        const { run } = ok(await harness.api(`/api/runs/${id}/events`))
        if (run.outcome === 'done') break
        if (run.outcome) throw new Error(`the ingest ended as ${run.outcome}`)
        await new Promise((resolve) => setTimeout(resolve, 20))
      }
      const { documents } = ok(await harness.api(`/api/collections/${collectionId}/documents`))
      return documents.find((document: Loose) => document.title === name || document.path.endsWith(name)).id // prettier-ignore
    },
    async close(keepHome) {
      for (const phone of phones) await phone.close()
      await harness.close(keepHome)
      rmSync(home, { recursive: true, force: true })
    },
  }
}
