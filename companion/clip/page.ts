import { Readability } from '@mozilla/readability'
import { parseHTML } from 'linkedom'
import { SiloError } from '#shared/errors/silo-error.ts'
import { markdownOf, type PageNode } from './markdown.ts'

/** A web page as a reader wants it. */
export interface ClippedPage {
  readonly title: string
  readonly markdown: string
  readonly author?: string
  readonly site?: string
  /** When it was published, as the page says it; not checked. */
  readonly published?: string
}

const maxElements = 200_000

/**
 * Finds the article of a page, without menus, advertisements and scripts. Nothing is fetched and no script is run.
 * @throws SiloError clip_empty
 */
export function readPage(html: string, url: string): ClippedPage {
  const { document } = parseHTML(wholePage(html))
  const { title } = document
  const article = articleOf(document)
  const root = (article?.content ?? undefined) as PageNode | undefined
  const markdown = root ? markdownOf(root, url) : ''
  // Where there is no article, e.g. on a page that is a list, all of it is kept.
  const whole = markdown.trim() ? markdown : markdownOf(bodyOf(html), url)
  if (!whole.trim()) throw new SiloError('clip_empty')
  const author = said(article?.byline)
  const site = said(article?.siteName)
  const published = said(article?.publishedTime)
  return {
    title: said(article?.title) ?? said(title) ?? new URL(url).hostname,
    markdown: whole,
    ...(author ? { author } : {}),
    ...(site ? { site } : {}),
    ...(published ? { published } : {}),
  }
}

function said(value: string | null | undefined): string | undefined {
  return value?.replace(/\s+/g, ' ').trim().slice(0, 200) || undefined
}

/** Changes the document that it reads. */
function articleOf(document: Document) {
  try {
    const reader = new Readability(document, { maxElemsToParse: maxElements, serializer: (node): unknown => node }) // prettier-ignore
    return reader.parse()
  } catch {
    // Too large, or of a form it does not expect.
    return null
  }
}

function bodyOf(html: string): PageNode {
  const { document } = parseHTML(wholePage(html))
  return (document.body ?? document.documentElement) as unknown as PageNode
}

/** A piece of a page is the body of one. */
function wholePage(html: string): string {
  return /<body[\s>]/i.test(html) ? html : `<!doctype html><html><body>${html}</body></html>`
}
