import * as v from 'valibot'
import type { Tool } from '#shared/contracts/tool.ts'
import type { SearchResponse } from '#shared/protocol/search.ts'

const inputSchema = v.strictObject({
  query: v.pipe(v.string(), v.trim(), v.minLength(1), v.maxLength(2000)),
  limit: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(20)), 6),
})
export type VaultSearchInput = v.InferOutput<typeof inputSchema>

export interface VaultSearchDeps {
  /** The best passages first, of what `caller` may read. @throws SiloError access_missing */
  search(
    request: { query: string; collectionIds: readonly string[]; limit: number; caller: string },
    signal: AbortSignal,
  ): Promise<SearchResponse>
}

/** Passages of the vault with their documents and pages. What colleagues' devices hold is asked too. */
export function createVaultSearchTool(deps: VaultSearchDeps): Tool<VaultSearchInput> {
  return {
    specVersion: 1,
    name: 'vault_search',
    title: { en: 'Search the vault', zh: '搜索知识库' },
    description: 'Searches the documents of the vault. Returns passages with title, page and path.',
    capability: 'vault.search',
    readsForeignText: true,
    parameters: {
      type: 'object',
      properties: { query: { type: 'string' }, limit: { type: 'integer' } },
      required: ['query'],
      additionalProperties: false,
    },
    input: inputSchema,
    async call({ query, limit }, { caller, signal }) {
      signal.throwIfAborted()
      const { hits, found, unreachable } = await deps.search({ query, collectionIds: [], limit, caller }, signal) // prettier-ignore
      return {
        data: {
          // What is merely nearest is no answer; a model would take it for one.
          found,
          passages: found ? hits.map(({ title, text, page, ownerName }) => ({ title, text, ...(page === undefined ? {} : { page }), ...(ownerName === undefined ? {} : { owner: ownerName }) })) : [],
          ...(unreachable.length > 0 ? { notAsked: unreachable.map(({ name }) => name) } : {}),
        },
        summary: found ? `${hits.length}` : '0',
      } // prettier-ignore
    },
  }
}
