import { Hono } from 'hono'
import * as v from 'valibot'
import type { GatewayContext, GatewayEnv } from '../environment.ts'
import { listFolder } from '../folders.ts'
import { readJson } from '../openai/body.ts'
import { rightsOf } from '../rights.ts'
import type { GatewayServices } from '../services.ts'
import { reaches } from '#companion/team/granted.ts'
import type { Collection, DocumentText } from '#shared/domain/vault.ts'
import { parseInput } from '#shared/errors/parse.ts'
import { SiloError } from '#shared/errors/silo-error.ts'
import {
  createCollectionSchema,
  patchCollectionSchema,
  searchRequestSchema,
} from '#shared/protocol/api.ts'

const count = (max: number, fallback: string) =>
  v.optional(
    v.pipe(v.string(), v.regex(/^\d{1,12}$/), v.transform(Number), v.maxValue(max)),
    fallback,
  )
const documentsQuery = v.object({
  query: v.optional(v.pipe(v.string(), v.maxLength(500)), ''),
  offset: count(1e9, '0'),
  limit: count(500, '100'),
})
const textQuery = v.object({ start: count(1e12, '0'), length: count(200_000, '20000') })
const folderQuery = v.object({ path: v.optional(v.pipe(v.string(), v.maxLength(4096))) })

/** Collections, their documents, search, and the folder picker. */
export function vaultRoutes(services: GatewayServices): Hono<GatewayEnv> {
  const { vault, changes, conversations, team, teamPeers } = services
  const app = new Hono<GatewayEnv>()

  /** As this caller may see it. @throws SiloError collection_unknown */
  const shown = (context: GatewayContext, collection: Collection): Collection => {
    const access = rightsOf(context, services).accessOf(collection.id)
    if (!access) throw new SiloError('collection_unknown')
    // Where documents lie on this computer is of use only to who adds some.
    const roots = reaches(access.level, 'write') ? collection.roots : []
    return { ...(teamPeers?.collections.describe(collection) ?? collection), access, roots }
  }

  /** What lies here, else what a companion that holds it says. @throws SiloError document_unknown, holder_away */
  const textOf = async (
    context: GatewayContext,
    id: string,
    range: { start: number; length: number },
  ): Promise<DocumentText> => {
    try {
      return await vault.documentText(id, range)
    } catch (error) {
      if (!(error instanceof SiloError && error.code === 'document_unknown')) throw error
      const { device } = rightsOf(context, services)
      const { signal } = context.req.raw
      const text = await teamPeers?.federation.documentText(id, range, device, signal)
      if (!text) throw error
      return text
    }
  }

  app.get('/collections', async (context) => {
    const rights = rightsOf(context, services)
    const collections = await vault.collections()
    return context.json({
      collections: collections
        .filter(({ id }) => rights.may(id, 'read'))
        .map((collection) => shown(context, collection)),
    })
  })

  app.post('/collections', async (context) => {
    const request = parseInput(createCollectionSchema, await readJson(context))
    const rights = rightsOf(context, services)
    // An id that is taken by what the caller may not see gives it nothing.
    const isNew = team.policies.get(request.id)?.policy.removed !== false
    if (!isNew) rights.require(request.id, 'read', 'write')
    const collection = await vault.createCollection(request)
    if (isNew) {
      team.sharing.created(collection.id, rights.device)
      rights.note({ action: 'write', collectionIds: [collection.id], allowed: true, detail: collection.name }) // prettier-ignore
    }
    changes.publish('vault', collection.id)
    return context.json({ collection: shown(context, collection) })
  })

  app.patch('/collections/:id', async (context) => {
    const { name } = parseInput(patchCollectionSchema, await readJson(context))
    const id = context.req.param('id')
    const rights = rightsOf(context, services)
    rights.require(id, 'admin', 'write')
    if (!team.policies.isOwn(id)) await team.sharing.askRename(id, name, context.req.raw.signal)
    const collection = await vault.renameCollection(id, name)
    rights.note({ action: 'write', collectionIds: [id], allowed: true, detail: name })
    changes.publish('vault', collection.id)
    return context.json({ collection: shown(context, collection) })
  })

  app.delete('/collections/:id', async (context) => {
    const id = context.req.param('id')
    const rights = rightsOf(context, services)
    // Of a collection that is at home elsewhere only the copy goes: that is for the owners here.
    if (rights.device !== 'self' || team.policies.isOwn(id)) rights.require(id, 'admin', 'remove')
    if (rights.device !== 'self' && !team.policies.isOwn(id)) throw new SiloError('access_missing')
    const name = team.policies.get(id)?.policy.name
    if (!team.policies.isOwn(id) && teamPeers && (await teamPeers.collections.dropCopy(id))) {
      rights.note({ action: 'remove', collectionIds: [id], allowed: true, ...(name === undefined ? {} : { detail: name }) }) // prettier-ignore
      return context.body(null, 204)
    }
    // An ingest into it would fill what is being removed.
    for (const run of services.runs.list({ activeOnly: true }))
      if (run.kind === 'ingest' && run.subject === id) {
        services.runs.cancel(run.id)
        await services.runs.finished(run.id)
      }
    await vault.removeCollection(id)
    rights.note({ action: 'remove', collectionIds: [id], allowed: true, ...(name === undefined ? {} : { detail: name }) }) // prettier-ignore
    conversations.forgetCollection(id)
    changes.publish('vault', id)
    changes.publish('conversations')
    return context.body(null, 204)
  })

  app.get('/collections/:id/documents', async (context) => {
    const page = parseInput(documentsQuery, context.req.query())
    const id = context.req.param('id')
    rightsOf(context, services).require(id, 'read', 'open')
    return context.json(await vault.documents(id, page))
  })

  app.get('/collections/:id/problems', async (context) => {
    const id = context.req.param('id')
    rightsOf(context, services).require(id, 'read', 'open')
    return context.json({ problems: await vault.problems(id) })
  })

  app.get('/documents/:id/text', async (context) => {
    const range = parseInput(textQuery, context.req.query())
    const text = await textOf(context, context.req.param('id'), range)
    const { collectionId, title } = text.document
    const rights = rightsOf(context, services)
    const line = { action: 'open', collectionIds: [collectionId], detail: title } as const
    const allowed = rights.may(collectionId, 'read')
    rights.note({ ...line, allowed })
    if (!allowed) throw new SiloError('document_unknown')
    return context.json(text)
  })

  app.post('/search', async (context) => {
    const request = parseInput(searchRequestSchema, await readJson(context))
    const rights = rightsOf(context, services)
    const asked = request.collectionIds.length > 0 ? request.collectionIds : rights.readable()
    const nothing = { hits: [], understood: [], found: false, unreachable: [] }
    if (asked.length === 0) return context.json(nothing)
    const caller = rights.device
    const answer = await rights.during(asked, 'read', 'search', context.req.raw.signal, (signal) =>
      services.retrieval.search({ ...request, collectionIds: [...asked], caller }, signal),
    )
    rights.note({
      action: 'search',
      collectionIds: asked,
      allowed: true,
      count: answer.hits.length,
      detail: request.query,
    })
    return context.json(answer)
  })

  app.get('/folders', async (context) => {
    const { path } = parseInput(folderQuery, context.req.query())
    return context.json(await listFolder(path))
  })
  return app
}
