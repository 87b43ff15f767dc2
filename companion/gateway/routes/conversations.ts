import { Hono } from 'hono'
import * as v from 'valibot'
import type { GatewayContext, GatewayEnv } from '../environment.ts'
import { readJson } from '../openai/body.ts'
import { requireCollections, spaceOf } from '../permission.ts'
import { readableMessages } from '../redaction.ts'
import { rightsOf } from '../rights.ts'
import type { GatewayServices } from '../services.ts'
import type { Artifact, ArtifactKind } from '#shared/domain/artifact.ts'
import type { Conversation, Message } from '#shared/domain/conversation.ts'
import { idSchema } from '#shared/domain/ids.ts'
import { parseInput } from '#shared/errors/parse.ts'
import { SiloError } from '#shared/errors/silo-error.ts'
import { importConversationSchema } from '#shared/protocol/hand-off.ts'
import { createConversationSchema, patchConversationSchema } from '#shared/protocol/api.ts'

const listQuery = v.object({ query: v.optional(v.pipe(v.string(), v.maxLength(500)), '') })
const exportQuery = v.object({
  format: v.optional(v.picklist(['markdown', 'json']), 'markdown'),
  language: v.optional(v.picklist(['en', 'zh']), 'en'),
})

/** Conversations and what their answers made. */
export function conversationRoutes(services: GatewayServices): Hono<GatewayEnv> {
  const { conversations, artifacts, changes } = services
  const app = new Hono<GatewayEnv>()
  /** A conversation of the caller's; those of others do not exist for it. */
  const own = (context: GatewayContext): Conversation =>
    conversations.get(context.req.param('id') ?? '', spaceOf(context.get('caller')))

  const messagesOf = (context: GatewayContext, id: string): Message[] =>
    readableMessages(conversations.messages(id), rightsOf(context, services))

  app.get('/conversations', (context) => {
    const { query } = parseInput(listQuery, context.req.query())
    return context.json({
      conversations: services.searchConversations(query, spaceOf(context.get('caller'))),
    })
  })

  app.post('/conversations', async (context) => {
    const request = parseInput(createConversationSchema, await readJson(context))
    requireCollections(rightsOf(context, services), request.collectionIds)
    const conversation = conversations.create(request, spaceOf(context.get('caller')))
    changes.publish('conversations', conversation.id)
    return context.json({ conversation, messages: messagesOf(context, conversation.id) })
  })

  app.get('/conversations/:id', (context) => {
    const conversation = own(context)
    return context.json({ conversation, messages: messagesOf(context, conversation.id) })
  })

  app.patch('/conversations/:id', async (context) => {
    const request = parseInput(patchConversationSchema, await readJson(context))
    requireCollections(rightsOf(context, services), request.collectionIds)
    const conversation = conversations.patch(own(context).id, request)
    changes.publish('conversations', conversation.id)
    return context.json({ conversation })
  })

  app.delete('/conversations/:id', (context) => {
    const { id } = own(context)
    conversations.remove(id)
    // An answer that is still being written would be written for nobody.
    for (const run of services.runs.list({ activeOnly: true }))
      if (run.kind === 'chat' && run.subject === id) services.runs.cancel(run.id)
    services.computedContext?.forget(id).catch((error: unknown) => {
      services.log.warn('computed context was not removed', { error })
    })
    changes.publish('conversations', id)
    return context.body(null, 204)
  })

  app.post('/conversations/:id/restore', (context) => {
    const id = context.req.param('id')
    if (conversations.spaceOf(id) !== spaceOf(context.get('caller')))
      throw new SiloError('conversation_unknown')
    const conversation = conversations.restore(id)
    changes.publish('conversations', conversation.id)
    return context.json({ conversation })
  })

  app.post('/conversations/:id/import', async (context) => {
    const id = parseInput(idSchema, context.req.param('id'))
    const request = parseInput(importConversationSchema, await readJson(context))
    const space = spaceOf(context.get('caller'))
    const { conversation, added } = services.importConversation(id, request, space)
    if (added > 0) changes.publish('conversations', id)
    return context.json({ conversation, messages: messagesOf(context, id) })
  })

  app.get('/conversations/:id/export', (context) => {
    const { format, language } = parseInput(exportQuery, context.req.query())
    const conversation = own(context)
    const messages = messagesOf(context, conversation.id)
    const text = services.exportConversation(conversation, messages, format, language)
    const type = format === 'json' ? 'application/json' : 'text/markdown'
    const name = `${conversation.title || 'silo'}.${format === 'json' ? 'json' : 'md'}`
    return context.body(text, 200, {
      'Content-Type': `${type}; charset=utf-8`,
      'Content-Disposition': attachment(name),
    })
  })

  app.get('/conversations/:id/artifacts', (context) => {
    const conversation = own(context)
    return context.json({ artifacts: artifacts.ofConversation(conversation.id) })
  })

  // What a model wrote is never a page of this origin: plain text, an attachment, sandboxed.
  app.get('/artifacts/:id/content', (context) => {
    const artifact = artifacts.get(context.req.param('id'))
    if (conversations.spaceOf(artifact.conversationId) !== spaceOf(context.get('caller')))
      throw new SiloError('artifact_unknown')
    return context.body(new Uint8Array(artifacts.content(artifact.id)), 200, {
      'Content-Type': 'text/plain; charset=utf-8',
      'Content-Disposition': attachment(`${artifact.title || 'artifact'}${extensionOf(artifact)}`),
      'Content-Security-Policy': 'sandbox',
      'Cache-Control': 'private, max-age=31536000, immutable',
    })
  })
  return app
}

const extensions: Record<ArtifactKind, string> = {
  html: '.html',
  markdown: '.md',
  svg: '.svg',
  code: '.txt',
  csv: '.csv',
  chart: '.json',
  diagram: '.mmd',
  image: '.png',
  file: '',
}

function extensionOf(artifact: Artifact): string {
  return /\.\w{1,10}$/.test(artifact.title) ? '' : extensions[artifact.kind]
}

/** RFC 6266: an ASCII name for old clients, the real one beside it. */
function attachment(name: string): string {
  // eslint-disable-next-line no-control-regex
  const clean = name.replace(/[\u0000-\u001f\u007f/\\:*?"<>|]+/g, '_').slice(0, 120)
  const ascii = clean.replace(/[^\u0020-\u007e]/g, '_')
  const encoded = encodeURIComponent(clean.toWellFormed()).replace(/['()]/g, (char) => `%${char.charCodeAt(0).toString(16)}`) // prettier-ignore
  return `attachment; filename="${ascii}"; filename*=UTF-8''${encoded}`
}
