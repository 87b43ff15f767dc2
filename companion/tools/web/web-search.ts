import * as v from 'valibot'
import type { Tool } from '#shared/contracts/tool.ts'
import { SiloError } from '#shared/errors/silo-error.ts'
import type { WebSearch } from '#shared/protocol/agent.ts'
import { fetchPage, type PageFetch } from './page-fetch.ts'

const inputSchema = v.strictObject({
  query: v.pipe(v.string(), v.trim(), v.minLength(1), v.maxLength(400)),
})
export type WebSearchInput = v.InferOutput<typeof inputSchema>

const result = v.object({
  title: v.optional(v.string(), ''),
  url: v.pipe(v.string(), v.url(), v.regex(/^https?:/)),
  content: v.optional(v.nullable(v.string()), ''),
})
const resultsSchema = v.object({ results: v.array(v.unknown()) })
const braveSchema = v.object({ web: v.optional(v.object({ results: v.array(v.unknown()) })) })
const braveResult = v.object({
  title: v.string(),
  url: v.pipe(v.string(), v.regex(/^https?:/)),
  description: v.optional(v.string(), ''),
})
const mostResults = 8

export interface WebSearchDeps extends Pick<PageFetch, 'announce'> {
  /** The service that the person named, with its key. */
  service(): Pick<WebSearch, 'kind' | 'url' | 'key'>
  /** Where the services with a key are; for tests. */
  readonly endpoints?: Partial<Record<'brave' | 'tavily', string>>
}

interface Found {
  readonly title: string
  readonly url: string
  readonly text: string
}

/** Asks the search service that the person set, with the switch on and leave for the words that are sent. */
export function createWebSearchTool(deps: WebSearchDeps): Tool<WebSearchInput> {
  return {
    specVersion: 1,
    name: 'web_search',
    title: { en: 'Search the web', zh: '搜索网页' },
    description: 'Searches the web. Returns titles, addresses and excerpts.',
    capability: 'net.search',
    readsForeignText: true,
    parameters: {
      type: 'object',
      properties: { query: { type: 'string' } },
      required: ['query'],
      additionalProperties: false,
    },
    input: inputSchema,
    async call({ query }, { leave, signal }) {
      signal.throwIfAborted()
      const service = deps.service()
      const asked = requestOf(service, query, deps.endpoints ?? {})
      const host = new URL(asked.url).hostname
      await leave({ kind: 'send', host, content: query, why: '' })
      // The person named the service: it may be a machine in the house.
      const init = { kind: 'search' as const, signal, ...asked.init }
      const page = await fetchPage(asked.url, init, { announce: deps.announce, house: true })
      const found = parsed(service.kind, page.text, host).slice(0, mostResults)
      return { data: { results: found }, summary: `${found.length}` }
    },
  }
}

/** @throws SiloError web_search_unset */
function requestOf(
  { kind, url, key }: ReturnType<WebSearchDeps['service']>,
  query: string,
  endpoints: NonNullable<WebSearchDeps['endpoints']>,
): { url: string; init: { method?: 'POST'; headers?: Record<string, string>; body?: string } } {
  const words = encodeURIComponent(query)
  if (kind === 'searxng' && url)
    return { url: `${url.replace(/\/+$/, '')}/search?q=${words}&format=json`, init: {} }
  if (kind === 'brave' && key) {
    const base = endpoints.brave ?? 'https://api.search.brave.com'
    return {
      url: `${base}/res/v1/web/search?q=${words}&count=${mostResults}`,
      init: { headers: { 'x-subscription-token': key } },
    }
  }
  if (kind === 'tavily' && key) {
    const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' }
    const body = JSON.stringify({ query, max_results: mostResults })
    return {
      url: `${endpoints.tavily ?? 'https://api.tavily.com'}/search`,
      init: { method: 'POST', headers, body },
    }
  }
  throw new SiloError('web_search_unset')
}

/** What is no result is left out. @throws SiloError fetch_failed */
function parsed(kind: WebSearch['kind'], text: string, host: string): Found[] {
  let answer: unknown
  try {
    answer = JSON.parse(text)
  } catch (cause) {
    throw new SiloError('fetch_failed', { params: { host, detail: 'no JSON' }, cause })
  }
  const found: Found[] = []
  if (kind === 'brave') {
    const all = v.safeParse(braveSchema, answer)
    if (all.success)
      for (const each of all.output.web?.results ?? []) {
        const one = v.safeParse(braveResult, each)
        if (one.success) found.push({ title: one.output.title, url: one.output.url, text: one.output.description }) // prettier-ignore
      }
    if (all.success) return found
  } else {
    const all = v.safeParse(resultsSchema, answer)
    if (all.success)
      for (const each of all.output.results) {
        const one = v.safeParse(result, each)
        if (one.success) found.push({ title: one.output.title, url: one.output.url, text: (one.output.content ?? '').slice(0, 1000) }) // prettier-ignore
      }
    if (all.success) return found
  }
  throw new SiloError('fetch_failed', { params: { host, detail: 'not the answer of a search' } })
}
