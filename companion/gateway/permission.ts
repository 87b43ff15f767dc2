import type { MiddlewareHandler } from 'hono'
import type { ConversationStore } from '#companion/chat/conversation-store.ts'
import type { RunRegistry } from '#companion/runs/registry.ts'
import type { Role } from '#shared/domain/device.ts'
import { SiloError } from '#shared/errors/silo-error.ts'
import type { StartRun } from '#shared/protocol/api.ts'
import type { Change } from '#shared/protocol/stream.ts'
import type { GatewayEnv } from './environment.ts'
import type { Caller } from './services.ts'

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
  ['guest', 'GET', /^\/api\/collections$/],
  ['guest', 'GET POST', /^\/api\/speech(\/.+)?$/],
  ['guest', 'GET', /^\/api\/page-models(\/.+)?$/],
  ['guest', 'GET POST DELETE', /^\/api\/push(\/.+)?$/],
  ['guest', 'GET', /^\/api\/replica(\/[^/]+\/feed)?$/],
  ['member', 'GET', /^\/api\/collections\/.+$/],
  ['member', 'GET', /^\/api\/documents\/.+$/],
  ['member', 'POST', /^\/api\/(collections|search)$/],
  ['member', 'GET POST PATCH DELETE', /^\/api\/uploads(\/.+)?$/],
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

/** What a caller may start: guests chat, members also read a collection again; nobody but an owner names paths. */
export function requireStart(caller: Caller, request: StartRun): void {
  const role = roleOf(caller)
  if (role === 'owner' || request.kind === 'chat') return
  if (role === 'member' && request.kind === 'ingest' && request.paths.length === 0) return
  throw new SiloError('forbidden')
}

/** Collections are not for guests. */
export function requireCollections(caller: Caller, collectionIds: readonly string[] = []): void {
  if (roleOf(caller) === 'guest' && collectionIds.length > 0) throw new SiloError('forbidden')
}

/** Whose runs and changes a caller sees: chats of its own space, and other work unless it is a guest. */
export class Sight {
  readonly #caller: Caller
  readonly #runs: RunRegistry
  readonly #conversations: ConversationStore

  constructor(caller: Caller, runs: RunRegistry, conversations: ConversationStore) {
    this.#caller = caller
    this.#runs = runs
    this.#conversations = conversations
  }

  seesRun(runId: string): boolean {
    const { kind, space } = this.#runs.record(runId)
    if (space === spaceOf(this.#caller)) return true
    return kind !== 'chat' && roleOf(this.#caller) !== 'guest'
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

  seesChange({ topic, id }: Change): boolean {
    if (topic === 'conversations')
      return id === undefined || this.#conversations.spaceOf(id) === spaceOf(this.#caller)
    if (topic === 'devices') return roleOf(this.#caller) === 'owner'
    if (topic === 'vault') return roleOf(this.#caller) !== 'guest'
    return true
  }
}
