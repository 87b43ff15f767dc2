import type { DocumentHead } from '#shared/vault/document-head.ts'
import { headOfRecord } from './document-rows.ts'
import { removeDocuments, type WriterParts } from './ingest-writer.ts'
import type { FileRecord, OwnDocument } from './own-documents.ts'

/**
 * Finishes or undoes the writes of a process that was killed: what reached the index is entered into the records, what
 * did not is dropped, and a deletion that began is completed. Then index, texts and records say the same.
 */
export async function recoverWrites(
  collectionId: string,
  parts: WriterParts,
  signal: AbortSignal,
): Promise<{ finished: number; undone: number; removed: number }> {
  const { own, store, texts } = parts
  const counts = { finished: 0, undone: 0, removed: 0 }
  const staged = own.staged(collectionId)
  if (staged.length > 0) {
    const heads = await store.documents(collectionId, store.deviceId, signal)
    const arrived: OwnDocument[] = []
    const gone: string[] = []
    for (const { id, document, damaged } of staged) {
      if (document && isOf(heads.get(id), document)) arrived.push(document)
      else if (document || damaged) counts.undone += 1
      else gone.push(id)
    }
    await store.putHeads(
      collectionId,
      new Map(arrived.map((document) => [document.id, headOfRecord(document)])),
      signal,
    )
    own.apply(collectionId, {
      documents: arrived,
      contents: new Set(arrived.map(({ id }) => id)),
      files: arrived.flatMap(filesOf),
    })
    for (const { id } of arrived) await texts.promote(id)
    for (const { id } of staged) await texts.discard(id)
    own.settle(collectionId, staged.filter(({ id }) => !gone.includes(id)).map(({ id }) => id)) // prettier-ignore
    if (gone.length > 0) await removeDocuments(collectionId, gone, parts)
    counts.finished = arrived.length
    counts.removed = gone.length
  }
  const homeless = own.homeless(collectionId)
  if (homeless.length > 0) await removeDocuments(collectionId, homeless, parts)
  counts.removed += homeless.length
  return counts
}

function isOf(head: DocumentHead | undefined, document: OwnDocument): boolean {
  return (
    head !== undefined &&
    head.sha256 === document.sha256 &&
    head.chunks === document.chunks &&
    head.length === (document.length ?? 0)
  )
}

/** Copies are looked at again by the next ingest: when they were last changed was not noted. */
function filesOf(document: OwnDocument): FileRecord[] {
  const { id, path, size, modifiedAt, sha256, copies = [] } = document
  const file = { documentId: id, size, inode: '', sha256 }
  return [
    { ...file, path, modifiedAt },
    ...copies.map((copy) => ({ ...file, path: copy, modifiedAt: 0 })),
  ]
}
