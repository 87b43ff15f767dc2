import type { Conversation } from '#shared/domain/conversation.ts'
import { SiloError, toSiloError } from '#shared/errors/silo-error.ts'
import {
  conversationOnlySchema,
  conversationResponseSchema,
  runEventsSchema,
  runResponseSchema,
  type patchConversationSchema,
} from '#shared/protocol/api.ts'
import type { Placement } from '#shared/router/placement.ts'
import type { LocalConversation } from '#web/replica/copies.ts'
import { hasDatabase, replicaName } from '#web/replica/present.ts'
import type { AgentRun, ChatRun } from '#web/replica/records.ts'
import type * as v from 'valibot'
import { request, send, type Road } from './api.ts'
import { companion } from './companion.svelte.ts'
import { tabChannel } from './page-host/tabs.ts'
import type { PageSide } from './page-side.ts'
import { RunFollower, type FollowOptions } from './run-follower.ts'
import { cancelRun, startRun } from './run-actions.ts'
import { followRun } from './stream.ts'
import { connection } from './stream.svelte.ts'

type Patch = v.InferInput<typeof patchConversationSchema>

/** This device's records: read by a page that has some, and by none before it is drawn. */
const records = () => import('#web/replica/copies.ts')
const localConversation = async (id: string) => (await records()).localConversation(id)
const hasRecords = () => hasDatabase(replicaName)

/** A conversation, and from whom it was read. */
export interface ReadConversation extends LocalConversation {
  readonly from: 'companion' | 'device'
}

/**
 * Which host has a conversation or a run: the companion, or this page. The page's side (its records, models, outbox
 * and what is to be handed over) is loaded when something needs it.
 */
class Hosts {
  #side: Promise<PageSide> | undefined
  readonly #listeners = new Set<(conversationId: string) => void>()
  readonly #channel = typeof BroadcastChannel === 'undefined' ? undefined : tabChannel('silo-page')

  /** Keeps the page's own work going: hands it over and sends what waits whenever a companion is there. */
  start(): () => void {
    // Another tab has begun something here: its answer is followed from this one too.
    const hear = this.#channel?.listen(() => {
      if (!this.#side) void this.side().catch(() => {})
    })
    const effects = $effect.root(() => {
      $effect(() => {
        void this.#reach(this.companionId)
      })
    })
    return () => {
      hear?.()
      effects()
    }
  }

  /** The companion that is connected; undefined while there is none. */
  get companionId(): string | undefined {
    if (connection.state !== 'online' || connection.signedOut) return undefined
    return connection.companionId ?? companion.status.value?.companionId
  }

  /** Loads the page's side. */
  side(): Promise<PageSide> {
    this.#side ??= this.#open()
    this.#side.catch(() => (this.#side = undefined))
    return this.#side
  }

  /** Calls `listener` when this page, or another tab, changed a conversation. Returns the end of it. */
  onChange(listener: (conversationId: string) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** What this device has of a conversation, without asking anyone. */
  async kept(id: string): Promise<ReadConversation | undefined> {
    const local = await localConversation(id)
    return local && { ...local, from: 'device' }
  }

  /** Reads a conversation: the companion's with what was said here since, else this device's. @throws SiloError */
  async read(id: string): Promise<ReadConversation> {
    const away = ['offline', 'page-only', 'revoked'].includes(connection.state)
    try {
      if (away) throw new SiloError('companion_unreachable')
      const path = `/api/conversations/${encodeURIComponent(id)}`
      const answer = await request(path, conversationResponseSchema)
      const { keepConversation } = await records()
      return { ...(await keepConversation(answer, this.companionId ?? '')), from: 'companion' }
    } catch (cause) {
      const error = toSiloError(cause, 'page')
      const local = await localConversation(id)
      const unknown = error.code === 'conversation_unknown'
      if (
        unknown &&
        local?.companionId === this.companionId &&
        !local?.unsynced &&
        !local?.waiting.length
      ) {
        // prettier-ignore
        void (await records()).forgetConversation(id)
        throw error
      }
      if (local && (unknown || isAway(error))) return { ...local, from: 'device' }
      throw connection.state === 'page-only' ? new SiloError('conversation_unknown') : error
    }
  }

  /**
   * Starts an answer where it was placed. Where the companion cannot be reached after all, the question waits for it.
   * @throws SiloError what the host that was asked refuses it with
   */
  async begin(
    run: ChatRun,
    placement: Placement,
    conversation: Conversation,
  ): Promise<'started' | 'waits'> {
    const { place, reason, waits } = placement
    if (place === 'page' || place === 'retrieval') {
      const road = await this.#road()
      const body = newConversation(conversation)
      await request('/api/conversations', conversationOnlySchema, { method: 'POST', body, road })
      await this.#startHere({ ...run, reason })
      return 'started'
    }
    const { outbox } = waits ? await this.side() : {}
    if (outbox) {
      await outbox.add(run, conversation)
      return 'waits'
    }
    try {
      await this.#ensureThere(conversation)
      await startRun(run)
      return 'started'
    } catch (cause) {
      const error = toSiloError(cause, 'page')
      if (!isAway(error)) throw error
      await (await this.side()).outbox.add(run, conversation)
      return 'waits'
    }
  }

  /** Starts a task of the agent, which only the companion can do. @throws SiloError companion_unreachable, … */
  async beginTask(run: AgentRun, conversation: Conversation): Promise<void> {
    await this.#ensureThere(conversation)
    await startRun(run)
  }

  /** Has a waiting question answered by the page. @throws SiloError run_unknown where it was sent meanwhile */
  async answerHere(runId: string): Promise<void> {
    const { outbox } = await this.side()
    await outbox.answerInstead(runId, (run, instead) => this.#startHere(run, instead))
  }

  /** Gives a waiting question up. False where it was sent meanwhile. */
  async discard(runId: string): Promise<boolean> {
    return (await this.side()).outbox.discard(runId)
  }

  /** Sends a question again that the companion refused. */
  async retry(runId: string): Promise<void> {
    await (await this.side()).outbox.retry(runId)
  }

  /** Every event of one run, once and in order, from whichever host has it. Returns the end of following. */
  follow(runId: string, options: FollowOptions): () => void {
    let stop: (() => void) | undefined
    let stopped = false
    void this.#isHere(runId).then(async (page) => {
      const follow = page ? await this.#followHere(runId, options) : undefined
      if (stopped) return follow?.()
      stop = follow ?? followRun(runId, options)
    })
    return () => {
      stopped = true
      stop?.()
    }
  }

  async cancel(runId: string): Promise<void> {
    if (!(await this.#isHere(runId))) await cancelRun(runId)
    else await (await this.side()).host.runs.cancel(runId)
  }

  /** Changes title, model, collections or the shown branch, on the companion where it has it and is there. */
  async change(id: string, patch: Patch): Promise<Conversation> {
    const path = `/api/conversations/${encodeURIComponent(id)}`
    const options = { method: 'PATCH', body: patch } as const
    const there = await this.#isThere(id)
    const road = there ? undefined : await this.#road()
    try {
      const { conversation } = await request(path, conversationOnlySchema, { ...options, ...(road ? { road } : {}) }) // prettier-ignore
      return conversation
    } catch (cause) {
      if (road || !isAway(toSiloError(cause, 'page'))) throw cause
      const here = await this.#road()
      return (await request(path, conversationOnlySchema, { ...options, road: here })).conversation
    }
  }

  /** Deletes; both hosts keep it for 30 days and `restore` brings it back. */
  async remove(id: string): Promise<void> {
    const path = `/api/conversations/${encodeURIComponent(id)}`
    if (!(await this.#isThere(id)))
      return void (await send(path, { method: 'DELETE', road: await this.#road() }))
    // What the companion has not seen would be gone for good.
    if ((await localConversation(id))?.unsynced) await (await this.side()).handOff.sync(id)
    await send(path, { method: 'DELETE' })
    await (await records()).forgetConversation(id)
  }

  /** The conversation as a file, from the host that has it. */
  async export(id: string, format: 'markdown' | 'json'): Promise<Response> {
    const path = `/api/conversations/${encodeURIComponent(id)}/export?format=${format}`
    return send(path, (await this.#isThere(id)) ? {} : { road: await this.#road() })
  }

  async restore(id: string): Promise<void> {
    const path = `/api/conversations/${encodeURIComponent(id)}/restore`
    const here = (await this.side()).host
    const local = await send(path, { method: 'POST', road: (at, init) => here.fetch(at, init) }).catch(() => undefined) // prettier-ignore
    if (!local) await request(path, conversationOnlySchema, { method: 'POST' })
  }

  async #open(): Promise<PageSide> {
    const { openPageSide } = await import('./page-side.ts')
    const channel = this.#channel ?? { post() {}, listen: () => () => {} }
    const side = await openPageSide({ channel, companionId: () => this.companionId })
    side.host.subscribe((message) => {
      if (message.type !== 'change') return
      const { id } = message.change
      if (id !== undefined) for (const listener of this.#listeners) listener(id)
      if (id !== undefined && this.companionId !== undefined) void side.handOff.sync(id).catch(() => {}) // prettier-ignore
    })
    return side
  }

  async #reach(companionId: string | undefined): Promise<void> {
    if (!this.#side && !((await hasRecords()) && (await (await records()).pageWork()))) return
    const { handOff, outbox } = await this.side()
    if (companionId === undefined || this.companionId !== companionId) return
    await outbox.flush()
    await handOff.syncAll()
  }

  async #followHere(runId: string, options: FollowOptions): Promise<() => void> {
    const { host } = await this.side()
    const follower = new RunFollower(
      (after, signal) =>
        request(`/api/runs/${encodeURIComponent(runId)}/events?after=${after}`, runEventsSchema, {
          signal,
          road: (path, init) => host.fetch(path, init),
        }),
      {
        ...options,
        onEnd: (event) => {
          leave()
          options.onEnd?.(event)
        },
        onError: (error) => {
          leave()
          options.onError?.(error)
        },
      },
    )
    const leave = host.subscribe((message) => {
      if (message.type === 'run-event' && message.event.runId === runId)
        follower.push(message.event)
    })
    void follower.catchUp()
    return () => {
      follower.stop()
      leave()
    }
  }

  async #startHere(run: ChatRun, outbox?: string): Promise<void> {
    // A model of the companion's is none of the page's.
    const { modelId: _theirs, ...rest } = run
    await request('/api/runs', runResponseSchema, {
      method: 'POST',
      body: outbox === undefined ? rest : { ...rest, outbox },
      road: await this.#road(),
    })
  }

  /** The conversation as it stands here: the context of what is asked next. */
  async #ensureThere(conversation: Conversation): Promise<void> {
    const local = await localConversation(conversation.id)
    if (local && !local.unsynced && local.companionId === this.companionId) return
    const body = newConversation(conversation)
    if (!local)
      await request('/api/conversations', conversationOnlySchema, { method: 'POST', body })
    else await (await this.side()).handOff.sync(conversation.id, { wholly: true })
  }

  /** Whether the connected companion has a conversation, as far as is known here. */
  async #isThere(id: string): Promise<boolean> {
    if (this.companionId === undefined) return false
    const local = await localConversation(id)
    return local === undefined || local.companionId !== null
  }

  async #isHere(runId: string): Promise<boolean> {
    return (await hasRecords()) && (await records()).isPageRun(runId)
  }

  async #road(): Promise<Road> {
    const { host } = await this.side()
    return (path, init) => host.fetch(path, init)
  }
}

function newConversation({ id, title, collectionIds, modelId }: Conversation) {
  return {
    id,
    collectionIds,
    ...(title ? { title } : {}),
    ...(modelId === undefined ? {} : { modelId }),
  }
}

/** The companion is not to be had now; nothing is known of what it would say. */
export function isAway(error: SiloError): boolean {
  return ['companion_unreachable', 'timeout', 'device_not_paired'].includes(error.code)
}

export const hosts = new Hosts()
