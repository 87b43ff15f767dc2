/// <reference lib="webworker" />
import { SiloError, toSiloError, toWire } from '#shared/errors/silo-error.ts'
import { FeedWriter } from './feed-writer.ts'
import { Shelf } from './shelf.ts'
import { listDocuments, readDocument } from './vault-documents.ts'
import { searchVault } from './vault-search.ts'
import type { VaultCall, VaultCalls, VaultReply } from './vault-worker.ts'

/** Takes pages over and searches, away from the page: both compute for longer than a frame lasts. */

const shelf = new Shelf()
const writer = new FeedWriter(shelf)
const running = new Map<number, AbortController>()

async function answer(
  call: VaultCall,
  signal: AbortSignal,
): Promise<VaultCalls[keyof VaultCalls]['value']> {
  // prettier-ignore
  switch (call.op) {
    case 'apply': {
      const { id, cursor, bytes, now } = call.input
      return writer.apply(id, cursor, new Uint8Array(bytes), now)
    }
    case 'compact':
      return writer.compact(call.input.id)
    case 'search':
      return searchVault(shelf, call.input, signal)
    case 'documents':
      return listDocuments(shelf, call.input.collectionId, call.input.page)
    case 'text':
      return readDocument(shelf, call.input.id, call.input.range)
  }
}

self.addEventListener('message', ({ data }: MessageEvent<VaultCall | { abort: number }>) => {
  if ('abort' in data) {
    running.get(data.abort)?.abort(new SiloError('cancelled'))
    return
  }
  const { call: id } = data
  const abort = new AbortController()
  running.set(id, abort)
  answer(data, abort.signal)
    .then(
      (value): VaultReply => ({ call: id, value }),
      (error: unknown): VaultReply => ({ call: id, error: toWire(toSiloError(error, 'page')) }),
    )
    .then((reply) => {
      running.delete(id)
      // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a worker has one listener
      self.postMessage(reply)
    })
})
