import { Worker } from 'node:worker_threads'
import * as v from 'valibot'
import type { Notes } from '#companion/notes/notes.ts'
import { SiloError, fromWire, wireErrorSchema } from '#shared/errors/silo-error.ts'
import { frontMatterLine } from '#shared/notes/note-text.ts'
import type { Clip, Note } from '#shared/protocol/notes.ts'
import { maxNoteBytes } from '#shared/protocol/notes.ts'
import type { ClippedPage } from './page.ts'

const limitMs = 30_000
const limitMegabytes = 768
const folder = 'Clips'

const replySchema = v.union([
  v.object({
    page: v.object({
      title: v.string(),
      markdown: v.string(),
      author: v.optional(v.string()),
      site: v.optional(v.string()),
      published: v.optional(v.string()),
    }),
  }),
  v.object({ error: wireErrorSchema }),
])

/** Pages that a browser sends, kept as notes. The companion itself fetches nothing. */
export class Clips {
  readonly #notes: Pick<Notes, 'create'>
  #turn: Promise<unknown> = Promise.resolve()

  constructor(notes: Pick<Notes, 'create'>) {
    this.#notes = notes
  }

  /** The note the page has become; the same page once more on the same day is that note. @throws SiloError clip_empty */
  async keep(clip: Clip, signal: AbortSignal): Promise<Note> {
    const page = clip.html === undefined ? textPage(clip) : await this.read(clip.html, clip.url, signal) // prettier-ignore
    const title = clip.title?.trim() || page.title
    return this.#notes.create({ title: title.slice(0, 200), folder, text: noteOf(clip.url, title, page) }) // prettier-ignore
  }

  /** The article of a page. One page at a time: each may take much memory. @throws SiloError clip_empty */
  read(html: string, url: string, signal: AbortSignal): Promise<ClippedPage> {
    const result = this.#turn.then(() => readInThread(html, url, signal))
    this.#turn = result.catch(() => {})
    return result
  }
}

async function readInThread(html: string, url: string, signal: AbortSignal): Promise<ClippedPage> {
  signal.throwIfAborted()
  const worker = new Worker(new URL('worker.ts', import.meta.url), {
    workerData: { html, url },
    resourceLimits: { maxOldGenerationSizeMb: limitMegabytes },
    stdout: true,
    stderr: true,
    env: {},
  })
  const limit = AbortSignal.any([signal, AbortSignal.timeout(limitMs)])
  try {
    const said = await new Promise<unknown>((resolve, reject) => {
      const fail = (cause: unknown): void => reject(new SiloError('clip_empty', { cause }))
      worker.once('message', resolve).once('error', fail).once('exit', fail)
      limit.addEventListener('abort', () => fail(limit.reason), { once: true })
    })
    const reply = v.parse(replySchema, said)
    if ('error' in reply) throw fromWire(reply.error)
    return reply.page as ClippedPage
  } finally {
    worker.removeAllListeners()
    worker.on('error', () => {})
    await worker.terminate()
  }
}

/** A text that was shared or pasted, as it is. */
function textPage({ url, text = '' }: Clip): ClippedPage {
  return { title: text.split('\n', 1)[0]!.trim().slice(0, 120) || new URL(url).hostname, markdown: `${text.trim()}\n` } // prettier-ignore
}

function noteOf(url: string, title: string, page: ClippedPage): string {
  const now = new Date()
  const published = Date.parse(page.published ?? '')
  const lines = [
    frontMatterLine('title', title.slice(0, 200)),
    frontMatterLine('source', url),
    ...(page.author ? [frontMatterLine('author', page.author)] : []),
    ...(page.site ? [frontMatterLine('site', page.site)] : []),
    `date: ${new Date(Number.isNaN(published) ? now : published).toISOString().slice(0, 10)}`,
    `clipped: ${now.toISOString().slice(0, 10)}`,
  ]
  const head = `---\n${lines.join('\n')}\n---\n\n`
  const heading = page.markdown.startsWith('# ')
    ? ''
    : `# ${title.replace(/\s+/g, ' ').slice(0, 200)}\n\n`
  return cut(head + heading + page.markdown)
}

/** Pages have no limit, notes do. */
function cut(text: string): string {
  const bytes = new TextEncoder().encode(text)
  if (bytes.length <= maxNoteBytes) return text
  const kept = new TextDecoder().decode(bytes.subarray(0, maxNoteBytes - 16))
  return `${kept.slice(0, kept.lastIndexOf('\n'))}\n\n…\n`
}
