import { Server } from '@modelcontextprotocol/sdk/server/index.js'
import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js'
import { CallToolRequestSchema, ListToolsRequestSchema } from '@modelcontextprotocol/sdk/types.js'
import * as v from 'valibot'
import { documentTextSchema } from '#shared/domain/vault.ts'
import { errorText, SiloError, toSiloError } from '#shared/errors/silo-error.ts'
import { collectionListSchema } from '#shared/protocol/api.ts'
import { searchResponseSchema } from '#shared/protocol/search.ts'
import { CompanionClient } from './client.ts'
import type { Invocation } from './command.ts'

const mostText = 40_000
const id = v.pipe(v.string(), v.regex(/^[\w-]{8,64}$/))

const schemas = {
  vault_search: v.object({
    query: v.pipe(v.string(), v.trim(), v.minLength(1), v.maxLength(2000)),
    collection: v.optional(v.pipe(v.string(), v.maxLength(200))),
    limit: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(20)), 6),
  }),
  list_collections: v.object({}),
  read_document: v.object({
    documentId: id,
    start: v.optional(v.pipe(v.number(), v.integer(), v.minValue(0)), 0),
  }),
}
type Name = keyof typeof schemas

const text = { type: 'string' } as const
const tools = [
  {
    name: 'vault_search',
    description: 'Searches the person’s own documents. Returns passages with title, page, document id and owner. “found: false” means that no document answers.', // prettier-ignore
    inputSchema: { type: 'object' as const, properties: { query: text, collection: { ...text, description: 'name of one collection' }, limit: { type: 'integer' } }, required: ['query'] }, // prettier-ignore
  },
  {
    name: 'list_collections',
    description: 'Lists the collections of the vault with their numbers of documents.',
    inputSchema: { type: 'object' as const, properties: {} },
  },
  {
    name: 'read_document',
    description: 'Reads the text of one document, from `start` on.',
    inputSchema: { type: 'object' as const, properties: { documentId: text, start: { type: 'integer' } }, required: ['documentId'] }, // prettier-ignore
  },
]

/**
 * `silo mcp`: the vault as an MCP server over this process's own streams, for programs of the same person on this machine.
 * It only reads, and opens nothing on the network. Ends with its input.
 */
export async function mcp({ config, terminal }: Invocation): Promise<void> {
  const client = CompanionClient.find(config)
  const server = new Server({ name: 'silo', version: '1' }, { capabilities: { tools: {} } })
  server.setRequestHandler(ListToolsRequestSchema, async () => ({ tools }))
  server.setRequestHandler(CallToolRequestSchema, async ({ params }) => {
    try {
      const answer = await call(client, params.name, params.arguments ?? {})
      return { content: [{ type: 'text', text: JSON.stringify(answer, null, 1) }] }
    } catch (cause) {
      const said = errorText(toSiloError(cause, 'mcp'), terminal.language)
      return { isError: true, content: [{ type: 'text', text: said }] }
    }
  })
  const ended = new Promise<void>((resolve) => process.stdin.once('end', resolve).once('close', resolve)) // prettier-ignore
  await server.connect(new StdioServerTransport())
  await ended
  await server.close()
}

async function call(client: CompanionClient, name: string, given: unknown): Promise<unknown> {
  if (name === 'list_collections') {
    const collections = await collectionsOf(client)
    return collections.map(({ id, name, documents }) => ({ id, name, documents }))
  }
  if (name === 'vault_search') {
    const { query, collection, limit } = parsed('vault_search', given)
    const collectionIds = collection === undefined ? [] : [await idOf(client, collection)]
    const body = { query, collectionIds, limit }
    const { hits, found, unreachable } = await client.request(searchResponseSchema, '/api/search', { method: 'POST', body }) // prettier-ignore
    return {
      found,
      passages: (found ? hits : []).map(({ title, text, page, documentId, ownerName }) => ({ title, page, documentId, owner: ownerName, text })), // prettier-ignore
      ...(unreachable.length > 0 ? { notAsked: unreachable.map(({ name }) => name) } : {}),
    }
  }
  if (name === 'read_document') {
    const { documentId, start } = parsed('read_document', given)
    const path = `/api/documents/${encodeURIComponent(documentId)}/text?start=${start}&length=${mostText}` // prettier-ignore
    const { document, text, length } = await client.request(documentTextSchema, path)
    const next = start + text.length
    return { title: document.title, text, ...(next < length ? { next } : {}) }
  }
  throw new SiloError('tool_unknown', { params: { name } })
}

function parsed<N extends Name>(name: N, given: unknown): v.InferOutput<(typeof schemas)[N]> {
  const { success, output, issues } = v.safeParse(schemas[name], given)
  if (success) return output
  const detail = `${v.getDotPath(issues[0]) ?? ''} ${issues[0].message}`.trim()
  throw new SiloError('tool_input_invalid', { params: { name, detail } })
}

async function collectionsOf(client: CompanionClient) {
  return (await client.request(collectionListSchema, '/api/collections')).collections
}

async function idOf(client: CompanionClient, name: string): Promise<string> {
  const found = (await collectionsOf(client)).find((each) => each.name === name || each.id === name)
  if (!found) throw new SiloError('collection_unknown')
  return found.id
}
