import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ArtifactStore } from '#companion/chat/artifact-store.ts'
import { ChatService } from '#companion/chat/chat-service.ts'
import { exportJson, exportMarkdown } from '#shared/domain/conversation-export.ts'
import { importConversation } from '#companion/chat/conversation-import.ts'
import { searchConversations } from '#companion/chat/conversation-search.ts'
import { ConversationStore } from '#companion/chat/conversation-store.ts'
import { composeTeam } from '#companion/compose/team.ts'
import { deviceId, deviceKeyPem } from '#companion/config/device-key.ts'
import { KeyStore } from '#companion/config/key-store.ts'
import { sameSecret } from '#companion/config/secret-file.ts'
import { SettingsStore } from '#companion/config/settings-store.ts'
import { createGateway } from '#companion/gateway/gateway.ts'
import type { GatewayServices, ModelService, VaultService } from '#companion/gateway/services.ts'
import { ChangeFeed } from '#companion/observe/change-feed.ts'
import { silentLog } from '#companion/observe/log.ts'
import { openDatabase } from '#companion/records/database.ts'
import { RunRegistry } from '#companion/runs/registry.ts'
import type { SpeechService } from '#companion/speech/speech-service.ts'
import { newId } from '#shared/domain/ids.ts'
import type { SearchHit } from '#shared/domain/vault.ts'
import type { Unreachable } from '#shared/protocol/search.ts'
import { SiloError } from '#shared/errors/silo-error.ts'
import type { RunEvent } from '#shared/protocol/run-event.ts'
import { QueuedModel } from '#companion/engines/queued-model.ts'
import type { Engine } from '#shared/contracts/engine.ts'
import { createFakeEngine, type FakeEngine } from '#tests/fakes/engine.ts'
import { testModelState } from './openai-server.ts'

export const token = 'test-token-'.padEnd(43, 'x')
export const port = 7450

/** Parsed JSON of which a test looks at what it names. */
// oxlint-disable-next-line typescript/no-explicit-any
export type Loose = any

export interface HarnessOptions {
  readonly engine?: FakeEngine
  readonly contextTokens?: number
  readonly hits?: readonly SearchHit[]
  /** Whether the hits answer; where nothing is said, any do. */
  readonly found?: boolean
  readonly unreachable?: readonly Unreachable[]
  readonly databasePath?: string
  /** Collections of this home; the vault behind them is empty. */
  readonly collections?: readonly { id: string; name: string }[]
  readonly speech?: SpeechService
}

/** The records, runs, chat and gateway of a companion over the fake engine, without a socket. */
export function createHarness(options: HarnessOptions = {}) {
  const home = mkdtempSync(join(tmpdir(), 'silo-gateway-'))
  const database = openDatabase(options.databasePath ?? join(home, 'silo.db'))
  const engine: FakeEngine = options.engine ?? createFakeEngine()
  const settings = new SettingsStore(database)
  const keys = new KeyStore(database)
  const changes = new ChangeFeed()
  const artifacts = new ArtifactStore(database, join(home, 'artifacts'))
  const conversations = new ConversationStore(database, (id) => artifacts.ofConversation(id))
  const runs = new RunRegistry(database, silentLog)
  const deviceKey = deviceKeyPem({ read: () => undefined, write() {} })
  const team = composeTeam({
    companionId: deviceId(deviceKey),
    deviceKey,
    database,
    changes,
    conversations,
    runs,
    collections: () => options.collections ?? [],
  })
  const models = fakeModels(engine, options.contextTokens ?? 4096)
  const searches: { query: string; collectionIds: readonly string[] }[] = []
  const vault = {
    async search(request: { query: string; collectionIds: readonly string[] }) {
      searches.push(request)
      const hits = [...(options.hits ?? [])]
      return {
        hits,
        understood: [],
        found: options.found ?? hits.length > 0,
        unreachable: [...(options.unreachable ?? [])],
      }
    },
  }
  const chat = new ChatService(
    {
      conversations,
      artifacts,
      vault,
      settings: () => settings.get(),
      log: silentLog,
      models: {
        async acquireChat(modelId, { signal }) {
          const lease = await models.acquire(modelId, 'chat', { signal })
          return { ...lease, engineId: engine.id, deviceName: 'test', parameters: 0 }
        },
      },
    },
    runs,
    changes,
  )
  const services: GatewayServices = {
    companionId: 'test-companion',
    version: '0.0.0',
    startToken: token,
    port: () => port,
    allowedHosts: ['silo.lan'],
    webRoot: join(home, 'web'),
    log: silentLog,
    changes,
    runs,
    startRun(request, space) {
      if (request.kind === 'chat') return chat.start(request, space)
      if (request.kind === 'download') throw new SiloError('model_unknown', { params: { model: request.modelId } }) // prettier-ignore
      throw new SiloError('collection_unknown')
    },
    status: () => Promise.reject(new Error('no status here')),
    conversations,
    searchConversations: (query, space) => searchConversations(database, query, space),
    exportConversation: (conversation, messages, format, language) =>
      format === 'json'
        ? exportJson(conversation, messages)
        : exportMarkdown(conversation, messages, language),
    importConversation: (id, request, space) =>
      importConversation({ database, conversations, artifacts }, id, request, space),
    artifacts,
    models,
    vault: emptyVault,
    retrieval: vault,
    team,
    ...(options.speech ? { speech: options.speech } : {}),
    settings,
    keys,
    sameSecret,
  }
  const app = createGateway(services)

  /** A request of the signed-in owner, unless `headers` say otherwise. */
  const send = async (
    path: string,
    init: { method?: string; body?: unknown; raw?: string; headers?: Record<string, string> } = {},
  ): Promise<Response> =>
    app.fetch(
      new Request(`http://localhost:${port}${path}`, {
        method: init.method ?? 'GET',
        headers: {
          host: `localhost:${port}`,
          authorization: `Bearer ${token}`,
          ...init.headers,
        },
        ...(init.raw === undefined && init.body === undefined
          ? {}
          : { body: init.raw ?? JSON.stringify(init.body) }),
      }),
      {},
    )

  return {
    home,
    database,
    engine,
    services,
    app,
    chat,
    runs,
    conversations,
    artifacts,
    team,
    searches,
    send,
    /** The answer's JSON, untyped: tests look at what they name. */
    async json(path: string, init?: Parameters<typeof send>[1]): Promise<Loose> {
      return (await send(path, init)).json()
    },
    /** Sends a message and waits for the end of its run. */
    async ask(
      conversationId: string,
      text: string,
      parentId: string | null = null,
    ): Promise<{ userId: string; assistantId: string; runId: string; events: RunEvent[] }> {
      const ids = { userId: newId(), assistantId: newId(), runId: newId() }
      chat.start({
        kind: 'chat',
        id: ids.runId,
        conversationId,
        userMessage: { id: ids.userId, parentId, text },
        parentId: ids.userId,
        assistantMessageId: ids.assistantId,
      })
      await runs.finished(ids.runId)
      return { ...ids, events: runs.events(ids.runId) }
    },
    async close(): Promise<void> {
      team.close()
      await runs.close()
      database.close()
      rmSync(home, { recursive: true, force: true })
    },
  }
}
export type Harness = ReturnType<typeof createHarness>

function fakeModels(engine: Engine, contextTokens: number): ModelService {
  const known = [testModelState('fake-chat', 'chat'), testModelState('fake-embed', 'embed')]
  let queued: QueuedModel | undefined
  return {
    list: () => known.map((model) => model.state),
    remove: (id) => Promise.reject(new SiloError('model_unknown', { params: { model: id } })),
    found: async () => [],
    import: ({ path }) => Promise.reject(new SiloError('path_not_found', { params: { path } })),
    async acquire(id, task, { signal }) {
      const found = known.find((model) => (id === undefined ? model.file.task === task : model.file.id === id)) // prettier-ignore
      if (!found) throw new SiloError('model_unknown', { params: { model: id ?? '' } })
      const inner = await engine.load(found.file, { contextTokens, parallel: 1 }, { signal })
      if (queued?.inner !== inner) queued = new QueuedModel(inner, { availableMemory: () => Infinity }) // prettier-ignore
      const loaded = queued
      return { loaded, modelId: found.file.id, release() {} }
    },
  }
}

const unknown = (): never => {
  throw new SiloError('collection_unknown')
}
const emptyVault: VaultService = {
  collections: () => [],
  createCollection: unknown,
  renameCollection: unknown,
  removeCollection: async () => unknown(),
  documents: unknown,
  problems: unknown,
  documentText() {
    throw new SiloError('document_unknown')
  },
}
