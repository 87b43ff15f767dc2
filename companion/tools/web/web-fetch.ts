import * as v from 'valibot'
import type { Tool } from '#shared/contracts/tool.ts'
import { fetchPage, webAddress, type PageFetch } from './page-fetch.ts'

const mostCharacters = 40_000

const inputSchema = v.strictObject({
  url: v.pipe(v.string(), v.minLength(1), v.maxLength(4000)),
  why: v.optional(v.pipe(v.string(), v.maxLength(300)), ''),
})
export type WebFetchInput = v.InferOutput<typeof inputSchema>

export interface WebFetchDeps extends PageFetch {
  /** The article of a page as Markdown. @throws SiloError clip_empty */
  read(html: string, url: string, signal: AbortSignal): Promise<{ title: string; markdown: string }>
}

/** Reads one page of the web as text, with the switch on and leave for its host. */
export function createWebFetchTool(deps: WebFetchDeps): Tool<WebFetchInput> {
  return {
    specVersion: 1,
    name: 'web_fetch',
    title: { en: 'Read a web page', zh: '读取网页' },
    description: 'Reads the text of one public web page.',
    capability: 'net.fetch',
    readsForeignText: true,
    parameters: {
      type: 'object',
      properties: { url: { type: 'string' }, why: { type: 'string', description: 'one line for the person who allows it' } }, // prettier-ignore
      required: ['url'],
      additionalProperties: false,
    },
    input: inputSchema,
    async call({ url, why }, { leave, signal }) {
      signal.throwIfAborted()
      const asked = webAddress(url)
      // The address itself is what is sent: a model can write anything into it.
      await leave({ kind: 'send', host: asked.hostname, content: asked.href, why })
      const page = await fetchPage(asked.href, { kind: 'fetch', signal }, deps)
      const isPage = /html/.test(page.mediaType)
      const { title, markdown } = isPage
        ? await deps.read(page.text, page.url, signal)
        : { title: '', markdown: page.text }
      const text = markdown.slice(0, mostCharacters)
      return {
        data: { url: page.url, title, text, ...(text.length < markdown.length ? { cut: true } : {}) }, // prettier-ignore
        summary: title || new URL(page.url).hostname,
      }
    },
  }
}
