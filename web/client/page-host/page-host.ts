import * as v from 'valibot'
import { exportJson, exportMarkdown } from '#shared/domain/conversation-export.ts'
import { idSchema, newId } from '#shared/domain/ids.ts'
import { parseInput } from '#shared/errors/parse.ts'
import { SiloError, toSiloError, toWire } from '#shared/errors/silo-error.ts'
import {
  createConversationSchema,
  patchConversationSchema,
  startRunSchema,
} from '#shared/protocol/api.ts'
import { streamMessageSchema, type StreamMessage } from '#shared/protocol/stream.ts'
import { protocolVersion } from '#shared/protocol/version.ts'
import { localConversation } from '#web/replica/copies.ts'
import {
  changeConversation,
  createConversation,
  pageRuns,
  pruneRuns,
  setDeleted,
} from '#web/replica/page-records.ts'
import { searchLocal } from './page-conversations.ts'
import { PageRuns } from './page-runs.ts'
import type { Locks, PageModels, PageRetrieval, TabChannel } from './ports.ts'

export interface PageHostOptions {
  readonly models: PageModels
  readonly locks: Locks
  readonly channel: TabChannel
  /** Shown as the place of the answers. */
  readonly deviceName: string
  /** The vault of this device, once there is one. */
  readonly retrieve?: PageRetrieval
}

/** Ended runs whose logs are kept; an answer itself is kept in its message. */
const keptRuns = 200
const afterSchema = v.optional(
  v.pipe(v.string(), v.regex(/^(-1|\d{1,9})$/), v.transform(Number)),
  '-1',
)
const exportSchema = v.object({
  format: v.optional(v.picklist(['markdown', 'json']), 'markdown'),
  language: v.optional(v.picklist(['en', 'zh']), 'en'),
})
const cancelSchema = v.object({ type: v.literal('cancel'), runId: idSchema })

/**
 * The part of the companion's API that is about conversations and chats, answered in the page: same paths, same
 * schemas, same errors, over IndexedDB and the page's models. Any number of tabs may have one.
 */
export class PageHost {
  readonly runs: PageRuns
  readonly #channel: TabChannel
  readonly #listeners = new Set<(message: StreamMessage) => void>()
  readonly #stop: () => void

  constructor(options: PageHostOptions) {
    const { channel } = options
    this.#channel = channel
    this.runs = new PageRuns({
      ...options,
      onEvent: (event) => {
        this.#tell({ type: 'run-event', event })
        if (event.body.type === 'run-ended') void this.#changedBy(event.runId)
      },
      askToCancel: (runId) => channel.post({ type: 'cancel', runId }),
    })
    this.#stop = channel.listen((message) => this.#hear(message))
  }

  /** Ends what a tab that is gone has left unfinished, and drops old logs. Called once. */
  async start(): Promise<void> {
    await this.runs.recover()
    await pruneRuns(keptRuns)
  }

  /** Answers a request as the companion would: never rejects, errors are answers. */
  async fetch(path: string, init: RequestInit = {}): Promise<Response> {
    try {
      const url = new URL(path, 'http://page')
      const method = (init.method ?? 'GET').toUpperCase()
      const body = method === 'GET' ? undefined : parseBody(init.body)
      return await this.#route(method, url, body)
    } catch (cause) {
      const error = toSiloError(cause, newId())
      return Response.json({ error: toWire(error) }, { status: error.httpStatus })
    }
  }

  /** Every event and change of this page's work, in whichever tab, from now on. */
  subscribe(listener: (message: StreamMessage) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** Says in all tabs that a conversation changed. */
  changed(id: string): void {
    this.#tell({ type: 'change', change: { topic: 'conversations', id } })
  }

  /** Interrupts what runs in this tab. */
  async close(): Promise<void> {
    await this.runs.close()
    this.#stop()
    this.#listeners.clear()
  }

  async #route(method: string, url: URL, body: unknown): Promise<Response> {
    const [, api, kind, id, part] = url.pathname.split('/')
    if (api !== 'api') throw new SiloError('not_found')
    const route = [method, kind, id === undefined ? '' : ':id', part].filter(Boolean).join(' ')
    const key = id === undefined ? '' : decodeURIComponent(id)
    switch (route) {
      case 'GET events':
        return this.#eventStream()
      case 'GET conversations':
        return Response.json({
          conversations: await searchLocal(url.searchParams.get('query') ?? ''),
        })
      case 'POST conversations':
        return this.#create(body)
      case 'GET conversations :id':
        return this.#read(key)
      case 'PATCH conversations :id': {
        const changes = parseInput(patchConversationSchema, body)
        const conversation = await changeConversation(key, changes)
        this.changed(key)
        return Response.json({ conversation })
      }
      case 'DELETE conversations :id':
        return this.#remove(key)
      case 'POST conversations :id restore': {
        const conversation = await setDeleted(key, undefined)
        this.changed(key)
        return Response.json({ conversation })
      }
      case 'GET conversations :id export':
        return this.#export(key, url)
      case 'POST runs':
        return this.#startRun(body)
      case 'GET runs': {
        const active = url.searchParams.get('active') === '1'
        const all = await pageRuns()
        const runs = active ? all.filter(({ outcome }) => outcome === undefined) : all
        return Response.json({ runs })
      }
      case 'GET runs :id events': {
        const { after } = parseInput(v.object({ after: afterSchema }), {
          after: url.searchParams.get('after') ?? undefined,
        })
        return Response.json(await this.runs.events(key, after))
      }
      case 'POST runs :id cancel':
        return Response.json({ run: await this.runs.cancel(key) }, { status: 202 })
      default:
        throw new SiloError('not_found')
    }
  }

  async #create(body: unknown): Promise<Response> {
    const wanted = parseInput(createConversationSchema, body)
    const now = Date.now()
    const { id, title = '', collectionIds = [], modelId } = wanted
    const conversation = await createConversation({
      id,
      title,
      createdAt: now,
      updatedAt: now,
      leafId: null,
      collectionIds,
      ...(modelId === undefined ? {} : { modelId }),
    })
    this.changed(id)
    const messages = (await localConversation(id))?.messages ?? []
    return Response.json({ conversation, messages })
  }

  async #read(id: string): Promise<Response> {
    const local = await localConversation(id)
    if (!local) throw new SiloError('conversation_unknown')
    return Response.json({ conversation: local.conversation, messages: local.messages })
  }

  async #export(id: string, url: URL): Promise<Response> {
    const local = await localConversation(id)
    if (!local) throw new SiloError('conversation_unknown')
    const { conversation, messages } = local
    const { format, language } = parseInput(exportSchema, Object.fromEntries(url.searchParams))
    const json = format === 'json'
    const text = json ? exportJson(conversation, messages) : exportMarkdown(conversation, messages, language) // prettier-ignore
    const name = encodeURIComponent(`${conversation.title || 'silo'}.${json ? 'json' : 'md'}`)
    return new Response(text, {
      headers: {
        'content-type': `${json ? 'application/json' : 'text/markdown'}; charset=utf-8`,
        'content-disposition': `attachment; filename*=UTF-8''${name}`,
      },
    })
  }

  async #remove(id: string): Promise<Response> {
    await setDeleted(id, Date.now())
    for (const run of await pageRuns())
      if (run.subject === id && run.outcome === undefined) await this.runs.cancel(run.id)
    this.changed(id)
    return new Response(null, { status: 204 })
  }

  async #startRun(body: unknown): Promise<Response> {
    const { outbox, ...rest } = (body ?? {}) as Record<string, unknown>
    const request = parseInput(startRunSchema, rest)
    if (request.kind !== 'chat') throw new SiloError('forbidden')
    // A question that waited for a companion and is answered here instead leaves the outbox in the same step.
    const instead = outbox === undefined ? undefined : parseInput(idSchema, outbox)
    const run = await this.runs.start(request, instead)
    this.changed(request.conversationId)
    return Response.json({ run }, { status: 202 })
  }

  #eventStream(): Response {
    const encoder = new TextEncoder()
    let stop: (() => void) | undefined
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => {
        const send = (message: StreamMessage): void =>
          controller.enqueue(encoder.encode(`data: ${JSON.stringify(message)}\n\n`))
        send({ type: 'hello', companionId: 'page', protocolVersion })
        stop = this.subscribe(send)
      },
      cancel: () => stop?.(),
    })
    return new Response(body, { headers: { 'content-type': 'text/event-stream' } })
  }

  #hear(message: unknown): void {
    const cancel = v.safeParse(cancelSchema, message)
    if (cancel.success) {
      this.runs.cancelHere(cancel.output.runId)
      return
    }
    const told = v.safeParse(streamMessageSchema, message)
    if (!told.success) return
    if (told.output.type === 'run-event' && told.output.event.body.type === 'run-started')
      this.runs.watch(told.output.event.runId)
    for (const listener of this.#listeners) listener(told.output)
  }

  /** To the listeners of this tab and of the others. */
  #tell(message: StreamMessage): void {
    for (const listener of this.#listeners) listener(message)
    this.#channel.post(message)
  }

  async #changedBy(runId: string): Promise<void> {
    const run = await this.runs.get(runId).catch(() => undefined)
    if (run) this.changed(run.subject)
  }
}

function parseBody(body: unknown): unknown {
  if (typeof body !== 'string') return undefined
  try {
    return JSON.parse(body) as unknown
  } catch (cause) {
    throw new SiloError('invalid_json', { cause })
  }
}
