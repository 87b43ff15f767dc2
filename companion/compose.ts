import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { ArtifactStore } from './chat/artifact-store.ts'
import { ChatService } from './chat/chat-service.ts'
import { exportJson, exportMarkdown } from '#shared/domain/conversation-export.ts'
import { importConversation } from './chat/conversation-import.ts'
import { searchConversations } from './chat/conversation-search.ts'
import { ConversationStore } from './chat/conversation-store.ts'
import { Clips } from './clip/clips.ts'
import { composeAgent, type AgentOverrides } from './compose/agent.ts'
import { builtInSkills, composeAgentTools } from './compose/agent-tools.ts'
import { composeEgress } from './compose/egress.ts'
import { composeIngest, type WatchOverrides } from './compose/ingest.ts'
import { composeLan, type LanOverrides } from './compose/lan.ts'
import { composeLink, type LinkOverrides } from './compose/link.ts'
import { composeEngines } from './compose/engines.ts'
import { composeNotes } from './compose/notes.ts'
import { composePolicy } from './compose/policy.ts'
import { composePush } from './compose/push.ts'
import { composeReplica } from './compose/replica.ts'
import { composeSafety } from './compose/safety.ts'
import { composeSeal } from './compose/seal.ts'
import { composeRetrieval } from './compose/retrieval.ts'
import { composeStart } from './compose/start-run.ts'
import { composeSync, openFolder, type SyncOverrides } from './compose/sync.ts'
import { composeTeam } from './compose/team.ts'
import { composeTeamPeers, homeAsker } from './compose/team-peers.ts'
import { composeUploads } from './compose/uploads.ts'
import { composeReader } from './compose/reader.ts'
import { composeVault } from './compose/vault.ts'
import type { Config } from './config/config.ts'
import { lockHome } from './config/home-lock.ts'
import { KeyStore } from './config/key-store.ts'
import { sameSecret, startToken, writeSecret } from './config/secret-file.ts'
import { SettingsStore } from './config/settings-store.ts'
import { createGateway } from './gateway/gateway.ts'
import { listen } from './gateway/server.ts'
import type { Caller, GatewayServices } from './gateway/services.ts'
import { ChangeFeed } from './observe/change-feed.ts'
import { ofRun } from './observe/outbound.ts'
import { silentLog, type Log } from './observe/log.ts'
import { openDatabase } from './records/database.ts'
import { RunRegistry } from './runs/registry.ts'
import type { Keychain } from './seal/keychain.ts'
import type { Engine } from '#shared/contracts/engine.ts'
import type { CatalogueEntry } from '#shared/domain/model.ts'
import type { Status } from '#shared/protocol/api.ts'
import { protocolVersion } from '#shared/protocol/version.ts'

export interface Companion {
  readonly url: string
  readonly urlWithToken: string
  readonly token: string
  /** Answers as to a road that has authenticated its caller itself. */
  answer(request: Request, caller: Caller): Promise<Response>
  /** Interrupts runs, stops serving, frees the models and gives the data folder back. */
  close(): Promise<void>
}

export interface Overrides {
  readonly engine?: Engine
  readonly catalogue?: readonly CatalogueEntry[]
  readonly log?: Log
  readonly webRoot?: string
  readonly lan?: LanOverrides
  readonly link?: LinkOverrides
  readonly sync?: SyncOverrides
  readonly keychain?: Keychain
  readonly watch?: WatchOverrides
  readonly agent?: AgentOverrides
}

const root = fileURLToPath(new URL('..', import.meta.url))

/**
 * Builds the companion and serves it. Models are loaded when they are first needed.
 * @throws SiloError home_in_use, port_in_use, storage_failed, config_invalid
 */
export async function startCompanion(
  config: Config,
  overrides: Overrides = {},
): Promise<Companion> {
  const closers: (() => unknown)[] = []
  const closeAll = async (): Promise<void> => {
    for (const close of closers.splice(0).reverse()) await close()
  }
  try {
    return await build(config, overrides, closers, closeAll)
  } catch (error) {
    await closeAll()
    throw error
  }
}

async function build(
  config: Config,
  overrides: Overrides,
  closers: (() => unknown)[],
  close: () => Promise<void>,
): Promise<Companion> {
  const log = overrides.log ?? silentLog
  const { home } = config
  const lock = lockHome(home)
  closers.push(() => lock.release())
  const database = openDatabase(join(home, 'silo.db'))
  closers.push(() => database.close())

  const token = startToken(home)
  const { seal, secrets, deviceKey, companionId } = await composeSeal(config, overrides.keychain)
  const settings = new SettingsStore(database)
  const keys = new KeyStore(database)
  const changes = new ChangeFeed()
  const artifacts = new ArtifactStore(database, join(home, 'artifacts'))
  const conversations = new ConversationStore(database, (id) => artifacts.ofConversation(id))
  const runs = new RunRegistry(database, log, ofRun)
  const egress = composeEgress({
    database,
    changes,
    log,
    requireWeb: () => judged.policy.requireSwitch('web'),
  })
  closers.push(() => egress.gate[Symbol.dispose]())

  const engines = composeEngines({ config, database, settings, changes, egress: egress.gate, isSealed: seal.on, log, overrides }) // prettier-ignore
  closers.push(() => engines[Symbol.asyncDispose]())
  const { models } = engines
  const reader = composeReader(log, config.threads)
  const { vault, index } = composeVault(home, seal, companionId, database, models, reader, (id) =>
    changes.publish('vault', id),
  )
  closers.push(() => vault[Symbol.asyncDispose]())
  const team = composeTeam({
    companionId,
    deviceKey,
    database,
    changes,
    conversations,
    runs,
    collections: () => vault.names(),
    given: (id, home) => teamPeers?.collections.given(id, home),
    askHome: homeAsker(
      () => link.roads,
      (id) => teamPeers?.collections.ownerName(id) ?? id.slice(-8),
    ),
  })
  closers.push(() => team.close())
  let teamPeers: ReturnType<typeof composeTeamPeers> | undefined
  const retrieval = composeRetrieval({
    companionId,
    database,
    index,
    policies: team.policies,
    collections: () => vault.names(),
    ownerName: (id) => teamPeers?.collections.ownerName(id),
    reranker: config.reranker,
    threads: config.threads,
    log,
  })
  closers.push(() => retrieval[Symbol.asyncDispose]())
  const guarded = team.guard(retrieval)
  const chat = new ChatService(
    {
      conversations,
      artifacts,
      models: engines.chat,
      vault: guarded,
      settings: () => settings.get(),
      log,
    },
    runs,
    changes,
  )
  const judged = await composePolicy(home, database, log, (topic) => changes.publish(topic)) // prettier-ignore
  runs.recover({ chat: (run) => chat.recover(run) }, ['agent'])
  closers.push(() => runs.close())
  conversations.purge()
  artifacts.sweep()

  const push = composePush({
    home,
    secrets,
    database,
    egress: egress.gate,
    runs,
    enabled: () => settings.get().webPush,
    spaceOfDevice: (id) => {
      if (id === '') return ''
      const device = link.device(id)
      return device && (device.role === 'owner' ? '' : id)
    },
    log,
  })
  closers.push(() => push.close())

  const lan = composeLan({ config, secrets, companionId, settings, changes, log, app: () => app, ...overrides.lan }) // prettier-ignore
  closers.push(() => lan[Symbol.asyncDispose]())
  const link = composeLink({
    config,
    companionId,
    deviceKey,
    secrets,
    database,
    changes,
    log,
    hosts: () => lan.addresses.addresses.map(({ address }) => address),
    names: () => lan.service.state().names,
    appUrls: () => lan.service.state().appUrls,
    appBase: () => lan.service.state().appUrls[0] ?? `http://localhost:${port}`,
    answer: async (request, caller) => app.fetch(request, { caller }),
    overrides: overrides.link ?? {},
  })
  closers.push(() => link[Symbol.asyncDispose]())
  closers.push(lan.addresses.onAddressesChanged(() => link.networkChanged()))
  if (overrides.link?.mdns !== false) closers.push(lan.followLink(() => link.state === 'on'))

  const sync = await composeSync({
    config,
    companionId,
    version: packageVersion(),
    database,
    certificate: secrets.text(join(home, 'sync-certificate.json')),
    notesPath: join(home, 'notes'),
    roads: link.roads,
    changes,
    log,
    overrides: overrides.sync ?? {},
  })
  closers.push(() => sync[Symbol.asyncDispose]())
  teamPeers = composeTeamPeers({
    companionId,
    name: link.self().name,
    database,
    changes,
    policies: team.policies,
    roads: link.roads,
    vault,
    index,
    home,
    deviceKey,
    audit: team.audit,
    sync: { mounts: sync, openFolder },
    log,
  })
  closers.push(() => teamPeers?.[Symbol.asyncDispose]())
  retrieval.addSource(teamPeers.federation)

  const ingest = composeIngest({
    home,
    vault,
    database,
    runs,
    changes,
    log,
    overrides: overrides.watch ?? {},
    startRun: (request, space) => services.startRun(request, space),
  })
  closers.push(() => ingest[Symbol.asyncDispose]())
  const notes = composeNotes({
    home,
    companionId,
    seal,
    vault,
    keepPrivate: (id) => void team.policies.setGrants(id, []),
    touched: ingest.touched,
  })

  const clips = new Clips(notes)
  const tools = composeAgentTools({
    home,
    config,
    log,
    policy: judged.policy,
    extractor: reader,
    gate: egress.gate,
    clips,
    notes,
    search: (request, signal) => guarded.search(request, signal),
    secrets,
    changes,
  })
  closers.push(() => tools[Symbol.asyncDispose]())
  const agent = composeAgent({
    home,
    database,
    runs,
    changes,
    conversations,
    artifacts,
    chat,
    models: engines.chat,
    ...judged,
    tools: () => tools.list(),
    picture: (path, signal) => tools.picture(path, signal),
    skills: builtInSkills(),
    log,
    overrides: overrides.agent ?? {},
  })
  closers.push(() => agent.close())

  let port = config.port
  const services: GatewayServices = {
    companionId,
    version: packageVersion(),
    startToken: token,
    port: () => port,
    allowedHosts: config.allowedHosts,
    webRoot: overrides.webRoot ?? join(root, 'build', 'web'),
    log,
    changes,
    runs,
    startRun: composeStart({
      runs,
      chat,
      agent: () => agent.service,
      ingest: (request) => vault.ingest(request),
      download: engines.download,
      quantize: engines.quantize,
    }),
    async status(): Promise<Status> {
      return {
        ...(await engines.status()),
        version: packageVersion(),
        protocolVersion,
        companionId,
        activeRuns: runs.list({ activeOnly: true }),
        vault: vault.counts(),
        home,
      }
    },
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
    speech: engines.speech,
    computedContext: engines.computedContext,
    engines: engines.engines,
    pageModels: engines.pageModels,
    vault,
    ingest: ingest.service,
    notes,
    clips,
    retrieval,
    vaultIndex: index.store,
    team,
    teamPeers,
    settings,
    keys,
    ...judged,
    agent: agent.gateway,
    ...tools.served,
    egress,
    replica: composeReplica({ companionId, database, index, team }),
    push,
    lan: lan.service,
    safety: composeSafety({ home, companionId, database, seal, runs, changes }),
    sync,
    link,
    get uploads() {
      return uploads
    },
    sameSecret,
  }
  const uploads = composeUploads({
    home,
    maxFileBytes: config.maxUploadBytes,
    database,
    vault,
    runs,
    changes,
    log,
    startRun: services.startRun,
  })
  closers.push(() => uploads.close())
  const app = createGateway(services)
  const server = await listen(app, config)
  port = server.port
  closers.push(() => server.close())
  await lan.start()
  void link.resume()
  await sync.start()
  await ingest.start()
  agent.start()
  // How the CLI finds a companion whose port is not the configured one.
  const addressPath = join(home, 'companion.json')
  writeSecret(addressPath, JSON.stringify({ pid: process.pid, port }))
  closers.push(() => rmSync(addressPath, { force: true }))

  const name = ['0.0.0.0', '::', ''].includes(config.host) ? '127.0.0.1' : config.host
  const url = `http://${name.includes(':') ? `[${name}]` : name}:${port}`
  engines.warmUp()
  log.info('listening', { url, home, version: services.version })
  return {
    url,
    urlWithToken: `${url}/?token=${token}`,
    token,
    answer: async (request, caller) => app.fetch(request, { caller }),
    close,
  }
}

function packageVersion(): string {
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string } // prettier-ignore
  return version
}
