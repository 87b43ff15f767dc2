import type { PageModelOffer } from '#shared/domain/page-model.ts'
import { fileAt } from '../page-models/files.ts'

/** Where web-llm believes the files to be. `.invalid` never resolves: what is not stored is not fetched. */
export const storedBase = 'https://page-model.invalid/resolve/main/'

/**
 * Gives web-llm the files of Silo's store in place of its own cache, so that they are stored once, were checked
 * when they came, and no load ever goes to the network.
 */
export function useStoredFiles(record: PageModelOffer): void {
  const names = record.files.map(({ name }) => name)
  const nameOf = (request: RequestInfo | URL): string | undefined => {
    const url = request instanceof Request ? request.url : String(request)
    return names.find((name) => url === storedBase + name)
  }
  const cache = {
    async match(request: RequestInfo | URL) {
      const name = nameOf(request)
      const file = name && (await fileAt(['page-models', record.id, name]))
      return file ? new Response(file) : undefined
    },
    async add(request: RequestInfo | URL) {
      const url = request instanceof Request ? request.url : String(request)
      throw new Error(`${url.replace(storedBase, '')} is not among the model’s files`)
    },
    keys: async () => names.map((name) => new Request(storedBase + name)),
    delete: async () => false,
  }
  const stores = { open: async () => cache, has: async () => true, keys: async () => [] }
  Object.defineProperty(globalThis, 'caches', { value: stores, configurable: true })
}
