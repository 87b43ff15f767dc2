import type { Document, DocumentText } from '#shared/domain/vault.ts'
import { SiloError } from '#shared/errors/silo-error.ts'
import { textOfChunks, type TextPiece } from '#shared/vault/chunk-text.ts'
import { leaseTime, vaultCopies, vaultCopy } from './copies.ts'
import { leaseDays, leaseOf } from './lease.ts'
import type { Shelf } from './shelf.ts'

/** The documents of a copy, by path. @throws SiloError collection_unknown, replica_expired */
export async function listDocuments(
  shelf: Shelf,
  collectionId: string,
  page: { query: string; offset: number; limit: number },
): Promise<{ documents: Document[]; total: number }> {
  await requireLease(collectionId)
  const { collection } = await shelf.load(collectionId)
  const asked = page.query.normalize('NFKC').toLowerCase()
  const all = [...collection.documents.values()]
    .map(({ document }) => document)
    .filter(({ title, path }) =>
      `${title}\n${path}`.normalize('NFKC').toLowerCase().includes(asked),
    ) // prettier-ignore
    .sort((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0))
  return { documents: all.slice(page.offset, page.offset + page.limit), total: all.length }
}

/**
 * A slice of a document's extracted text as far as its chunks hold it, in UTF-16 code units.
 * @throws SiloError document_unknown, replica_expired
 */
export async function readDocument(
  shelf: Shelf,
  id: string,
  range: { start: number; length: number },
): Promise<DocumentText> {
  const collectionId = await holderOf(shelf, id)
  await requireLease(collectionId)
  return shelf.reading([collectionId], () => readText(shelf, collectionId, id, range))
}

async function readText(
  shelf: Shelf,
  collectionId: string,
  id: string,
  { start, length }: { start: number; length: number },
): Promise<DocumentText> {
  const { collection } = await shelf.load(collectionId)
  const found = collection.documents.get(id)
  if (!found) throw new SiloError('document_unknown')
  const pieces: TextPiece[] = []
  let end = found.length ?? 0
  for (const { segment, first, rows } of found.parts) {
    const columns = segment.segment.columns
    for (let row = first; row < first + rows; row++) {
      const piece = { start: columns.start[row]!, end: columns.end[row]! }
      end = Math.max(end, piece.end)
      // Only what lies in the slice is read; a chunk reaches a little over its neighbours.
      if (piece.end < start || piece.start > start + length) continue
      const [, , text] = await shelf.text(collection.id, segment, row)
      pieces.push({ ...piece, text })
    }
  }
  const from = Math.min(Math.max(0, start), end)
  const shifted = pieces.map((piece) => shift(piece, from)).filter(({ text }) => text !== '')
  const wanted = Math.min(length, end - from)
  const text = textOfChunks(shifted, wanted).slice(0, wanted)
  return { document: found.document, text, start: from, length: end }
}

/** The copy that has a document. @throws SiloError document_unknown */
async function holderOf(shelf: Shelf, id: string): Promise<string> {
  for (const copy of await vaultCopies()) {
    const { collection } = await shelf.load(copy.id)
    if (collection.documents.has(id)) return copy.id
  }
  throw new SiloError('document_unknown')
}

async function requireLease(id: string): Promise<void> {
  const copy = await vaultCopy(id)
  if (!copy) throw new SiloError('collection_unknown')
  if (leaseOf(copy, await leaseTime()) !== 'valid')
    throw new SiloError('replica_expired', { params: { days: leaseDays } })
}

/** A piece by offsets that begin at `from`; what lies before is cut away. */
function shift({ text, start, end }: TextPiece, from: number): TextPiece {
  const cut = Math.max(0, from - start)
  return { text: text.slice(cut), start: Math.max(0, start - from), end: end - from }
}
