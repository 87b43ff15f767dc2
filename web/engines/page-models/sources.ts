import * as v from 'valibot'
import {
  pageModelListSchema,
  type PageFile,
  type PageModelOffer,
} from '#shared/domain/page-model.ts'
import { SiloError } from '#shared/errors/silo-error.ts'
import type { PageModel } from './catalogue.ts'

/** As `send` of the API client: a path of the companion over whatever road; throws SiloError for failures. */
export type Ask = (
  path: string,
  options: {
    readonly headers?: Readonly<Record<string, string>>
    readonly signal: AbortSignal
    readonly timeoutMs?: number
    readonly streams?: boolean
  },
) => Promise<Response>

/** One place a file's bytes can be had from. */
export interface FileSource {
  readonly name: 'companion' | 'upstream'
  /** The bytes from `start` to `end`, both included. */
  range(start: number, end: number, signal: AbortSignal): Promise<Response>
}

/** The head of an answer has to come within this, ms; its body is watched piece by piece. */
const answerLimit = 60_000

/** What the paired companion has; nothing where there is none or it is away. */
export async function companionOffers(
  ask: Ask | undefined,
  signal: AbortSignal,
): Promise<PageModelOffer[]> {
  if (!ask) return []
  try {
    const response = await ask('/api/page-models', { signal })
    return v.parse(pageModelListSchema, await response.json()).models
  } catch {
    signal.throwIfAborted()
    return []
  }
}

/** Where a file can be had, best first: the companion costs no one's data allowance and tells nobody. */
export function sourcesOf(
  model: PageModel,
  file: PageFile,
  offers: readonly PageModelOffer[],
  ask: Ask | undefined,
): FileSource[] {
  const sources: FileSource[] = []
  const offer = offers.find(({ id }) => id === model.id)
  // The sum says that it is the same file, whatever it is called there.
  const offered = offer?.files.find(({ sha256 }) => sha256 === file.sha256)
  if (ask && offered) {
    const path = `/api/page-models/${encodeURIComponent(model.id)}/files/${encodeURIComponent(offered.name)}`
    sources.push({
      name: 'companion',
      range: (start, end, signal) =>
        ask(path, {
          headers: { range: `bytes=${start}-${end}`, 'if-range': `"${file.sha256}"` },
          signal,
          timeoutMs: answerLimit,
          streams: true,
        }),
    })
  }
  if (model.upstream !== undefined) {
    const url = model.upstream + encodeURIComponent(file.name)
    sources.push({
      name: 'upstream',
      async range(start, end, signal) {
        const late = AbortSignal.timeout(answerLimit)
        const response = await fetch(url, {
          headers: { range: `bytes=${start}-${end}` },
          // Nothing of this page goes with it.
          credentials: 'omit',
          referrerPolicy: 'no-referrer',
          cache: 'no-store',
          signal: AbortSignal.any([signal, late]),
        })
        if (!response.ok) throw new SiloError('download_failed', { params: { model: model.name, detail: `HTTP ${response.status}` } }) // prettier-ignore
        return response
      },
    })
  }
  return sources
}

/** Where a model can be had, as far as is known without trying. */
export function sourceOf(
  model: PageModel,
  offers: readonly PageModelOffer[],
): FileSource['name'] | undefined {
  const offer = offers.find(({ id }) => id === model.id)
  const pinned = ({ sha256 }: PageFile): boolean => model.files.some((file) => file.sha256 === sha256) // prettier-ignore
  if (offer && (model.gpu ? offer.pair : offer.files.some(pinned))) return 'companion'
  return model.upstream === undefined ? undefined : 'upstream'
}

/**
 * The files a model consists of here: pinned in the catalogue, else by the companion's pair, which has to be
 * made for this very web-llm. @throws SiloError page_engine_unavailable, page_model_unreachable
 */
export function filesOf(
  model: PageModel,
  offers: readonly PageModelOffer[],
): {
  files: readonly PageFile[]
  library: string | undefined
} {
  if (!model.gpu) return { files: model.files, library: undefined }
  const offer = offers.find(({ id }) => id === model.id)
  if (!offer?.pair) {
    throw new SiloError('page_model_unreachable', { params: { model: model.name } })
  }
  requirePair(model, offer)
  return { files: offer.files, library: offer.pair.library }
}

/** @throws SiloError page_engine_unavailable when weights and library belong to another web-llm */
export function requirePair(model: PageModel, { pair, files }: PageModelOffer): void {
  const { gpu } = model
  const wrong =
    !gpu || !pair
      ? 'the model has no library'
      : pair.webLlm !== gpu.webLlm || pair.libraries !== gpu.libraries
        ? `it is compiled for web-llm ${pair.webLlm} (${pair.libraries}), this is ${gpu.webLlm} (${gpu.libraries})`
        : files.some(({ name }) => name === pair.library)
          ? undefined
          : 'its library is missing'
  if (wrong) throw new SiloError('page_engine_unavailable', { params: { detail: wrong } })
}
