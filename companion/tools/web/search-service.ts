import * as v from 'valibot'
import type { SecretText } from '#companion/config/secret-text.ts'
import { SiloError } from '#shared/errors/silo-error.ts'
import { webSearchSchema, type WebSearch } from '#shared/protocol/agent.ts'

const keptSchema = v.omit(webSearchSchema, ['hasKey'])
type Kept = v.InferOutput<typeof keptSchema>

/** The search service that the person uses; none by default. Its key is kept with the other secrets. */
export class SearchService {
  readonly #file: SecretText
  /** What the file says: it is asked for with every list of tools. */
  #kept: Kept | undefined

  constructor(file: SecretText) {
    this.#file = file
  }

  /** With the key, for the one who asks the service. A damaged file is no service. */
  get(): Kept {
    this.#kept ??= this.#read()
    return this.#kept
  }

  #read(): Kept {
    const text = this.#file.read()
    if (text === undefined) return { kind: 'none' }
    try {
      return v.parse(keptSchema, JSON.parse(text))
    } catch {
      return { kind: 'none' }
    }
  }

  /** What may be shown: that there is a key, never the key. */
  shown(): WebSearch {
    const { key, ...rest } = this.get()
    return { ...rest, hasKey: key !== undefined }
  }

  /** A key that is not given again stays, for the same service. @throws SiloError bad_request */
  set({ kind, url, key }: WebSearch): WebSearch {
    const before = this.get()
    const kept = key ?? (before.kind === kind ? before.key : undefined)
    const needsKey = kind === 'brave' || kind === 'tavily'
    if (kind === 'searxng' && !/^https?:$/.test(protocolOf(url)))
      throw new SiloError('bad_request', { params: { detail: 'url' }, field: 'url' })
    if (needsKey && !kept) throw new SiloError('bad_request', { params: { detail: 'key' }, field: 'key' }) // prettier-ignore
    this.#file.write(
      JSON.stringify({
        kind,
        ...(kind === 'searxng' ? { url } : {}),
        ...(needsKey ? { key: kept } : {}),
      }),
    )
    this.#kept = undefined
    return this.shown()
  }
}

function protocolOf(url: string | undefined): string {
  return url !== undefined && URL.canParse(url) ? new URL(url).protocol : ''
}
