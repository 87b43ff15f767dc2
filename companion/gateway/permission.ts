import type { MiddlewareHandler } from 'hono'
import type { ConversationStore } from '#companion/chat/conversation-store.ts'
import type { RunRegistry } from '#companion/runs/registry.ts'
import type { Role } from '#shared/domain/device.ts'
import { SiloError } from '#shared/errors/silo-error.ts'
import type { StartRun } from '#shared/protocol/api.ts'
import type { Change } from '#shared/protocol/stream.ts'
import type { GatewayEnv } from './environment.ts'
import { Rights } from './rights.ts'
import type { Caller, GatewayServices } from './services.ts'

/** Conversations and chats belong to a space: the owners' is shared by their devices, any other device has its own. */
export const ownersSpace = ''

const ranks: Record<Role, number> = { guest: 0, member: 1, owner: 2 }

/** What others than owners may call, and the least role for it; a path ends a rule or goes on below it. */
const openTo: readonly (readonly [role: Role, methods: string, path: RegExp])[] = [
  ['guest', 'GET', /^\/api\/(status|events|models|settings|link|peers)$/],
  ['guest', 'GET POST', /^\/api\/runs$/],
  ['guest', 'GET POST', /^\/api\/runs\/[^/]+\/(events|cancel)$/],
  ['guest', 'GET POST PATCH DELETE', /^\/api\/conversations(\/.+)?$/],
  ['guest', 'GET', /^\/api\/artifacts\/[^/]+\/content$/],
  // Which collections, and what of them, is decided by the grants of each.
  ['guest', 'GET', /^\/api\/collections(\/[^/]+\/(documents|problems|sharing))?$/],
  ['guest', 'PATCH DELETE', /^\/api\/collections\/[^/]+$/],
  ['guest', 'PUT', /^\/api\/collections\/[^/]+\/sharing$/],
  ['guest', 'GET', /^\/api\/documents\/[^/]+\/text$/],
  ['guest', 'POST', /^\/api\/search$/],
  ['guest', 'GET POST PATCH DELETE', /^\/api\/uploads(\/.+)?$/],
  ['guest', 'GET POST', /^\/api\/speech(\/.+)?$/],
  ['guest', 'GET', /^\/api\/page-models(\/.+)?$/],
  ['guest', 'GET POST DELETE', /^\/api\/push(\/.+)?$/],
  ['guest', 'GET', /^\/api\/replica(\/[^/]+\/feed)?$/],
  // Which companion it is from, and what of it is believed, is decided there.
  ['guest', 'POST', /^\/api\/team\/offers$/],
  ['member', 'POST', /^\/api\/collections$/],
]

/** The least role that may send this request: `owner` where nothing says otherwise. */
export function requiredRole(method: string, path: string): Role {
  const asked = method === 'HEAD' ? 'GET' : method
  const rule = openTo.find(
    ([, methods, pattern]) => pattern.test(path) && methods.split(' ').includes(asked),
  )
  return rule?.[0] ?? 'owner'
}

/** API keys open the OpenAI-compatible API only, which is authorised elsewhere. */
export function roleOf(caller: Caller): Role {
  return caller.kind === 'device' ? caller.role : 'owner'
}

export function spaceOf(caller: Caller): string {
  return caller.kind === 'device' && caller.role !== 'owner' ? caller.deviceId : ownersSpace
}

/** Refuses what the caller's role does not allow. */
export const authorize: MiddlewareHandler<GatewayEnv> = async (context, next) => {
  const caller = context.get('caller')
  const needed = requiredRole(context.req.method, context.req.path)
  if (ranks[roleOf(caller)] < ranks[needed]) throw new SiloError('forbidden')
  return next()
}

/** What a caller may start: anyone chats, who may write reads a collection again; only owners name paths and models. */
export function requireStart(caller: Caller, request: StartRun, rights: Rights): void {
  if (request.kind === 'chat') return
  const mayStart = request.kind === 'ingest' && request.paths.length === 0
  if (!mayStart && roleOf(caller) !== 'owner') throw new SiloError('forbidden')
  if (request.kind === 'ingest') rights.require(request.collectionId, 'write', 'write')
}

/** Only what it may read is asked for a caller. Owners keep what is not there now. @throws SiloError collection_unknown */
export function requireCollections(rights: Rights, collectionIds: readonly string[] = []): void {
  if (rights.device === 'self') return
  for (const id of collectionIds) rights.require(id, 'read', 'search')
}

/**
 * Whose runs and changes a caller sees: chats of its own space, what goes on in collections it may read, and models
 * that come unless it is a guest. Asked for every message, so that a right that is lost is lost at once.
 */
export class Sight {
  readonly #caller: Caller
  readonly #rights: Rights
  readonly #runs: RunRegistry
  readonly #conversations: ConversationStore
  /** Collections whose changes it was told of: it is told also that one is gone. */
  readonly #seen: Set<string>

  constructor(
    caller: Caller,
    { team, runs, conversations }: Pick<GatewayServices, 'team' | 'runs' | 'conversations'>,
  ) {
    this.#caller = caller
    this.#rights = new Rights(caller, team)
    this.#runs = runs
    this.#conversations = conversations
    this.#seen = new Set(this.#rights.readable())
  }

  seesRun(runId: string): boolean {
    const { kind, space, subject } = this.#runs.record(runId)
    if (kind === 'chat') return space === spaceOf(this.#caller)
    if (kind === 'ingest' && this.#rights.device !== 'self')
      return this.#rights.may(subject, 'read')
    // Checks and backups are the owners' business; that a model comes is everybody's who may change something.
    const isOpen = kind === 'download' && roleOf(this.#caller) !== 'guest'
    return isOpen || roleOf(this.#caller) === 'owner' || space === spaceOf(this.#caller)
  }

  /** @throws SiloError run_unknown, also where the caller may not know of the run */
  requireRun(runId: string): void {
    if (!this.seesRun(runId)) throw new SiloError('run_unknown')
  }

  /** Anyone ends its own runs; an owner also those that are not chats. @throws SiloError run_unknown, forbidden */
  requireCancel(runId: string): void {
    this.requireRun(runId)
    const own = this.#runs.record(runId).space === spaceOf(this.#caller)
    if (!own && roleOf(this.#caller) !== 'owner') throw new SiloError('forbidden')
  }

  /** The change as this caller is told of it; undefined where it is none of its business. */
  change({ topic, id }: Change): Change | undefined {
    const isOwner = roleOf(this.#caller) === 'owner'
    const change: Change = id === undefined ? { topic } : { topic, id }
    if (id === undefined)
      return (topic === 'devices' || topic === 'sync') && !isOwner ? undefined : change
    if (isOwner && topic !== 'conversations') return change
    if (topic === 'conversations')
      return this.#conversations.spaceOf(id) === spaceOf(this.#caller) ? change : undefined
    if (topic === 'models' || topic === 'status') return change
    if (topic !== 'vault') return undefined
    if (this.#rights.may(id, 'read')) {
      this.#seen.add(id)
      return change
    }
    return this.#seen.delete(id) ? { topic } : undefined
  }
}
