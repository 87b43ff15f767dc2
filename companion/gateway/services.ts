import type * as v from 'valibot'
import type { ArtifactStore } from '#companion/chat/artifact-store.ts'
import type { ConversationHit } from '#companion/chat/conversation-search.ts'
import type { ConversationStore } from '#companion/chat/conversation-store.ts'
import type { KeyStore } from '#companion/config/key-store.ts'
import type { SettingsStore } from '#companion/config/settings-store.ts'
import type { PageFiles } from '#companion/models/page-files.ts'
import type { Link } from '#companion/link/link.ts'
import type { ChangeFeed } from '#companion/observe/change-feed.ts'
import type { Log } from '#companion/observe/log.ts'
import type { EgressGate } from '#companion/observe/egress-gate.ts'
import type { EgressLedger } from '#companion/observe/egress.ts'
import type { AgentService } from '#companion/agent/agent-service.ts'
import type { Schedules } from '#companion/agent/schedules.ts'
import type { Journal } from '#companion/journal/journal.ts'
import type { McpServers } from '#companion/mcp/mcp-servers.ts'
import type { Policy } from '#companion/policy/policy.ts'
import type { PackageService } from '#companion/sandbox/package-service.ts'
import type { SearchService } from '#companion/tools/web/search-service.ts'
import type { Push } from '#companion/push/push.ts'
import type { ReplicaFeed } from '#companion/replica/replica-feed.ts'
import type { RunExecutor } from '#companion/runs/run.ts'
import type { RunRegistry } from '#companion/runs/registry.ts'
import type { Clips } from '#companion/clip/clips.ts'
import type { Notes } from '#companion/notes/notes.ts'
import type { Uploads } from '#companion/uploads/uploads.ts'
import type { SyncService } from '#companion/sync/sync-service.ts'
import type { SpeechService } from '#companion/speech/speech-service.ts'
import type { AuditLog } from '#companion/team/audit.ts'
import type { Exchange } from '#companion/team/exchange.ts'
import type { Federation } from '#companion/team/federation.ts'
import type { Policies } from '#companion/team/policies.ts'
import type { Sharing } from '#companion/team/sharing.ts'
import type { TeamCollections } from '#companion/team/team-collections.ts'
import type { VaultStore } from '#shared/contracts/vault-store.ts'
import type { Conversation, Message } from '#shared/domain/conversation.ts'
import type { Role, TransportKind } from '#shared/domain/device.ts'
import type { ModelState } from '#shared/domain/model.ts'
import type { Collection, Document, DocumentText, Problem} from '#shared/domain/vault.ts' // prettier-ignore
import type { Language } from '#shared/errors/silo-error.ts'
import type { EngineId } from '#shared/domain/engine-choice.ts'
import type { FoundModelFile, StartRun, Status } from '#shared/protocol/api.ts'
import type { Engines } from '#shared/protocol/engines.ts'
import type { importConversationSchema } from '#shared/protocol/hand-off.ts'
import type { CheckReport, WatchState } from '#shared/protocol/ingest.ts'
import type { Lan } from '#shared/protocol/lan.ts'
import type { RunSummary } from '#shared/protocol/run-event.ts'
import type { Safety, StartBackup } from '#shared/protocol/safety.ts'
import type { SearchRequest, SearchResponse } from '#shared/protocol/search.ts'
import type { ModelLease } from './openai/access.ts'

type Maybe<T> = T | Promise<T>

/** Who sends a request. `owner` is the person at the companion's own address; `device` a paired one. */
export type Caller =
  | { readonly kind: 'owner' }
  | { readonly kind: 'api-key'; readonly keyId: string; readonly name: string }
  | {
      readonly kind: 'device'
      readonly deviceId: string
      readonly name: string
      readonly role: Role
      readonly road: TransportKind
    }

export interface ModelService {
  list(): ModelState[]
  /** Deletes the file. @throws SiloError model_unknown, model_not_installed, conflict */
  remove(modelId: string): Promise<ModelState>
  /** Files of other programs on this computer that are not taken in yet. */
  found(signal: AbortSignal): Promise<FoundModelFile[]>
  /** @throws SiloError path_not_found, model_corrupt, … */
  import(request: { path: string; name?: string }, signal: AbortSignal): Promise<ModelState>
  acquire(
    modelId: string | undefined,
    task: 'chat' | 'embed',
    options: { signal: AbortSignal },
  ): Promise<ModelLease>
}

/** What models computed of conversations, kept on disk so that it need not be computed again. */
export interface ComputedContext {
  /** All bytes. */
  usage(): Promise<{ bytes: number; maxBytes: number; sealed: boolean }>
  /** Keeps to what the settings say now. */
  limit(): Promise<void>
  /** Removes what belongs to a conversation; absent: to any. */
  forget(conversationId?: string): Promise<void>
}

/** What runs the models. */
export interface EngineService {
  list(): Engines
  /** Asks the usual addresses of this computer for servers again, and probes what is installed. */
  look(signal: AbortSignal): Promise<void>
  /** The settings name another engine: models are loaded in it from now on. */
  changed(): void
  /** The run that installs an engine. @throws SiloError conflict, engine_unavailable (none for this machine), source_unreachable (offline) */
  installing(engine: EngineId, runId: string): RunExecutor
}

export interface VaultService {
  collections(): Maybe<Collection[]>
  createCollection(request: { id: string; name: string }): Maybe<Collection>
  renameCollection(id: string, name: string): Maybe<Collection>
  removeCollection(id: string): Promise<void>
  documents(
    collectionId: string,
    page: { query: string; offset: number; limit: number },
  ): Maybe<{ documents: Document[]; total: number }>
  problems(collectionId: string): Maybe<Problem[]>
  documentText(documentId: string, range: { start: number; length: number }): Maybe<DocumentText>
}

/** Questions to the vault. */
export interface RetrievalService {
  /** @throws SiloError collection_unknown, engine errors */
  search(
    request: SearchRequest & { readonly caller: string },
    signal: AbortSignal,
  ): Promise<SearchResponse>
}

export interface SafetyService {
  state(): Safety
  /** @throws SiloError passphrase_short, path_not_absolute, path_not_found, conflict */
  startBackup(request: StartBackup): Promise<RunSummary>
}

/** How collections are read. Collections that are not there: SiloError collection_unknown. */
export interface IngestService {
  pause(collectionId: string): Collection
  resume(collectionId: string): { collection: Collection; run?: RunSummary }
  /** @throws SiloError conflict */
  retry(collectionId: string, paths?: readonly string[]): RunSummary
  setWatched(collectionId: string, watched: boolean): Collection
  watchState(collectionId: string): WatchState[]
  /** @throws SiloError conflict */
  removeRoot(collectionId: string, root: string): { collection: Collection; run: RunSummary }
  check(runId: string, repair: boolean): RunSummary
  lastCheck(): CheckReport | undefined
}

/** The app over HTTPS in the local network. */
export interface LanService {
  state(): Lan
  /** Resolves when it is so, or has failed: the state says which. */
  set(on: boolean): Promise<Lan>
}

/** Who may do what with collections, and the log of what was done. */
export interface TeamService {
  readonly policies: Policies
  readonly sharing: Sharing
  readonly audit: AuditLog
}

/** The companions this one is paired with, and their collections. */
export interface TeamPeersService {
  readonly collections: TeamCollections
  readonly exchange: Exchange
  readonly federation: Federation
}

/** The agent's tasks, what they ask, and what is done at set times. */
export interface AgentGateway {
  readonly service: AgentService
  readonly schedules: Schedules
  /** A PNG of the first page of a file, at most 480 px wide; undefined where there is none. */
  picture?(path: string, signal: AbortSignal): Promise<Uint8Array | undefined>
}

/** What the gateway serves. Built by compose.ts. */
export interface GatewayServices {
  readonly companionId: string
  readonly version: string
  readonly startToken: string
  /** The port the app is reached at; known once the server listens. */
  readonly port: () => number
  /** Host names accepted beside the loopback ones. */
  readonly allowedHosts: readonly string[]
  /** The built web app. */
  readonly webRoot: string
  readonly log: Log
  readonly changes: ChangeFeed
  readonly runs: RunRegistry
  /** `space` is whose run it is: '' for the owners, else a device id. */
  startRun(request: StartRun, space: string): RunSummary
  status(): Promise<Status>
  readonly conversations: ConversationStore
  searchConversations(query: string, space: string): ConversationHit[]
  exportConversation(
    conversation: Conversation,
    messages: readonly Message[],
    format: 'markdown' | 'json',
    language: Language,
  ): string
  /** @throws SiloError conversation_unknown, conflict, message_unknown */
  importConversation(
    id: string,
    request: v.InferOutput<typeof importConversationSchema>,
    space: string,
  ): { conversation: Conversation; added: number }
  readonly artifacts: ArtifactStore
  readonly models: ModelService
  readonly vault: VaultService
  readonly retrieval: RetrievalService
  readonly vaultIndex?: Pick<VaultStore, 'datasets'>
  readonly team: TeamService
  readonly settings: SettingsStore
  readonly computedContext?: ComputedContext
  readonly engines?: EngineService
  readonly keys: KeyStore
  readonly uploads?: Uploads
  readonly pageModels?: PageFiles
  readonly speech?: SpeechService
  readonly push?: Push
  readonly policy?: Policy
  readonly webSearch?: SearchService
  readonly mcp?: McpServers
  readonly pythonPackages?: PackageService
  readonly journal?: Journal
  readonly agent?: AgentGateway
  /** What leaves this house, and what it passes on its way out. */
  readonly egress?: { readonly ledger: EgressLedger; readonly gate: EgressGate }
  readonly replica?: ReplicaFeed
  readonly ingest?: IngestService
  readonly notes?: Notes
  readonly clips?: Clips
  readonly lan?: LanService
  readonly safety?: SafetyService
  readonly sync?: SyncService
  readonly link?: Link
  readonly teamPeers?: TeamPeersService
  /** Compares in constant time. */
  sameSecret(given: string, expected: string): boolean
}
