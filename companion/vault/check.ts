import type { RunContext } from '#companion/runs/run.ts'
import type { DatasetState, OwnedChunk, VaultStore } from '#shared/contracts/vault-store.ts'
import type { CheckFinding, CheckReport } from '#shared/protocol/ingest.ts'
import { textOfChunks } from '#shared/vault/chunk-text.ts'
import type { DocumentHead } from '#shared/vault/document-head.ts'
import { headOfRecord } from './document-rows.ts'
import { readerVersion } from './ingest-prepare.ts'
import { recoverWrites } from './ingest-recovery.ts'
import { removeDocuments, type IngestStore } from './ingest-writer.ts'
import type { OwnDocument, OwnDocuments } from './own-documents.ts'
import type { TextFiles } from './text-files.ts'
import type { VaultRecords } from './vault-records.ts'

export interface CheckParts {
  readonly records: VaultRecords
  readonly own: OwnDocuments
  readonly store: IngestStore & Pick<VaultStore, 'datasets' | 'chunksOf' | 'removeCollection'>
  readonly texts: TextFiles
  /** Identity of the vectors. */
  readonly modelId: string
  /** Called when a received dataset was taken away. */
  onChange(collectionId: string): void
  /** Keeps others from reading the collection meanwhile; undefined where one does already. */
  alone<T>(collectionId: string, work: () => Promise<T>): Promise<T> | undefined
}

export interface CheckResult {
  readonly report: CheckReport
  /** Collections whose files have to be read again for the repair to be whole. */
  readonly reread: readonly string[]
}

type Kind = CheckFinding['kind']

/** Documents whose chunks are read in one step. */
const batch = 64
const maxExamples = 10

/**
 * Compares records, index, texts and files with each other, document by document and chunk by chunk, and with what other
 * devices' datasets say. With `repair`, sets right what differs: the records and the files decide, for the index can be
 * made anew from them.
 */
export async function checkVault(
  parts: CheckParts,
  { repair }: { readonly repair: boolean },
  run: Pick<RunContext, 'signal' | 'emit'>,
): Promise<CheckResult> {
  const findings: CheckFinding[] = []
  const reread = new Set<string>()
  const busy: string[] = []
  const totals = { documents: 0, chunks: 0 }
  const collections = parts.records.names()
  const all = parts.records.countDocuments({})
  const progress = (done: number): void =>
    run.emit({ type: 'progress', stage: 'checking', done, total: all, unit: 'files' })
  for (const { id } of collections) {
    const check = new CollectionCheck(id, parts, repair, run.signal, findings, reread)
    const before = totals.documents
    const working = parts.alone(id, () => check.run((done) => progress(before + done)))
    if (!working) {
      busy.push(id)
      continue
    }
    const counts = await working
    totals.documents += counts.documents
    totals.chunks += counts.chunks
  }
  if (busy.length === 0) await checkTexts(parts, repair, findings)
  progress(totals.documents)
  const report = { at: Date.now(), repair, collections: collections.length, ...totals, busy, findings } // prettier-ignore
  return { report, reread: [...reread] }
}

class CollectionCheck {
  readonly #id: string
  readonly #parts: CheckParts
  readonly #repair: boolean
  readonly #signal: AbortSignal
  readonly #findings: CheckFinding[]
  readonly #reread: Set<string>

  constructor(
    id: string,
    parts: CheckParts,
    repair: boolean,
    signal: AbortSignal,
    findings: CheckFinding[],
    reread: Set<string>,
  ) {
    this.#id = id
    this.#parts = parts
    this.#repair = repair
    this.#signal = signal
    this.#findings = findings
    this.#reread = reread
  }

  async run(
    onProgress: (documents: number) => void,
  ): Promise<{ documents: number; chunks: number }> {
    const { own, store } = this.#parts
    if (this.#repair) await recoverWrites(this.#id, this.#parts, this.#signal)
    await this.#records()
    const documents = own.documents(this.#id)
    const readable = await this.#dataset()
    if (readable) await this.#index(documents, onProgress)
    const datasets = await store.datasets(this.#id, this.#signal)
    for (const dataset of datasets) {
      if (dataset.own) continue
      if (dataset.unusable === 'damaged') await this.#refetch(dataset.owner)
      else if (dataset.stale) this.#find('dataset-damaged', 1, [], false, dataset.owner)
      if (!dataset.unusable) await this.#received(dataset)
    }
    const lying = new Set(datasets.map(({ owner }) => owner))
    for (const { owner } of this.#parts.records.owners(this.#id))
      if (owner !== '' && !lying.has(owner)) this.#lost(owner)
    const counts = this.#parts.records.owners(this.#id)
    return {
      documents: counts.reduce((sum, each) => sum + each.documents, 0),
      chunks: counts.reduce((sum, each) => sum + each.chunks, 0),
    }
  }

  /** Documents that no file leads to, and files that lead to no document. */
  async #records(): Promise<void> {
    const { own } = this.#parts
    const files = [...own.files(this.#id).values()]
    const documents = own.documents(this.#id)
    const homeless = own.homeless(this.#id)
    const leading = files.filter(({ documentId }) => !documents.has(documentId))
    if (homeless.length + leading.length === 0) return
    if (this.#repair) {
      if (homeless.length > 0) await removeDocuments(this.#id, homeless, this.#parts)
      if (leading.length > 0) {
        own.apply(this.#id, { gone: leading.map(({ path }) => path) })
        this.#reread.add(this.#id)
      }
    }
    const ids = [...homeless, ...leading.map(({ documentId }) => documentId)]
    this.#find('record-stale', ids.length, ids, this.#repair)
  }

  /** Whether this device's dataset can be read; one that cannot is made anew. */
  async #dataset(): Promise<boolean> {
    const state = (await this.#parts.store.datasets(this.#id, this.#signal)).find(({ own }) => own)
    if (state?.unusable !== 'damaged') return state?.unusable === undefined
    await this.#discard()
    return false
  }

  async #discard(): Promise<void> {
    const { store } = this.#parts
    if (this.#repair) {
      await store.removeCollection(this.#id, this.#signal, store.deviceId)
      this.#reread.add(this.#id)
    }
    this.#find('dataset-damaged', 1, [], this.#repair)
  }

  async #index(
    documents: ReadonlyMap<string, OwnDocument>,
    onProgress: (documents: number) => void,
  ): Promise<void> {
    const { store, modelId } = this.#parts
    const missing: string[] = []
    const stale = new Map<string, DocumentHead>()
    const textless: string[] = []
    try {
      const indexed = await store.countByDocument(this.#id, this.#signal)
      const heads = await store.documents(this.#id, store.deviceId, this.#signal)
      const orphaned = [...indexed.keys()].filter((id) => !documents.has(id))
      const whole: OwnDocument[] = []
      for (const document of documents.values()) {
        // Of another model, or read before datasets named their documents: the next reading does that.
        if (document.model !== modelId) continue
        if (indexed.get(document.id) !== document.chunks) missing.push(document.id)
        else whole.push(document)
        const head = heads.get(document.id)
        const wanted = headOfRecord(document)
        if (
          indexed.has(document.id) &&
          !sameHead(head, wanted) &&
          (head || document.reader >= readerVersion)
        )
          // prettier-ignore
          stale.set(document.id, wanted)
      }
      for (let at = 0; at < whole.length; at += batch) {
        this.#signal.throwIfAborted()
        const some = whole.slice(at, at + batch)
        const chunks = Map.groupBy(
          await store.chunksOf(this.#id, some.map(({ id }) => id), this.#signal, store.deviceId), // prettier-ignore
          ({ documentId }) => documentId,
        )
        for (const document of some) {
          const verdict = await this.#content(document, chunks.get(document.id) ?? [])
          if (verdict === 'chunks') missing.push(document.id)
          else if (verdict === 'text') textless.push(document.id)
        }
        onProgress(at + some.length)
      }
      await this.#mend(orphaned, missing, stale)
    } catch (error) {
      if (this.#signal.aborted) throw error
      // It opened, and part of it cannot be read: torn.
      await this.#discard()
      return
    }
    if (textless.length > 0) this.#find('text-missing', textless.length, textless, this.#repair)
  }

  /** Whether chunks and text of a document are whole and fit each other. A lost text is put together from the chunks. */
  async #content(
    document: OwnDocument,
    chunks: readonly OwnedChunk[],
  ): Promise<'good' | 'chunks' | 'text'> {
    const { texts } = this.#parts
    const ordered = chunks.every(({ ordinal }, index) => ordinal === index)
    if (!ordered || chunks.length !== document.chunks) return 'chunks'
    if (chunks.some(({ vector }) => !vector.every(Number.isFinite))) return 'chunks'
    const text = await texts.read(document.id).catch(() => undefined)
    if (
      text !== undefined &&
      chunks.every(({ start, end, text: part }) => text.slice(start, end) === part)
    )
      // prettier-ignore
      return 'good'
    if (this.#repair) await texts.write(document.id, textOfChunks(chunks, document.length))
    return 'text'
  }

  async #mend(
    orphaned: readonly string[],
    missing: readonly string[],
    stale: ReadonlyMap<string, DocumentHead>,
  ): Promise<void> {
    const { store } = this.#parts
    if (this.#repair) {
      await store.removeDocuments(this.#id, orphaned, this.#signal)
      // Without chunks they are found missing by the next reading, which makes them anew.
      await store.removeDocuments(this.#id, missing, this.#signal)
      await store.putHeads(this.#id, stale, this.#signal)
      if (missing.length > 0) this.#reread.add(this.#id)
    }
    if (orphaned.length > 0) this.#find('chunks-orphaned', orphaned.length, orphaned, this.#repair)
    if (missing.length > 0) this.#find('chunks-missing', missing.length, missing, this.#repair)
    if (stale.size > 0) this.#find('head-stale', stale.size, [...stale.keys()], this.#repair)
  }

  /** Another device's dataset, read to its end, and what the records say of it. */
  async #received({ owner, chunks }: DatasetState): Promise<void> {
    const { records, modelId } = this.#parts
    const heads = new Map<string, DocumentHead>()
    const damaged: string[] = []
    try {
      const named = await this.#readReceived(owner, heads, damaged)
      // It counts chunks by its manifest, and none of them can be read.
      if (named === 0 && chunks > 0) return this.#refetch(owner)
    } catch (error) {
      if (this.#signal.aborted) throw error
      // It opened, and part of it cannot be read: torn.
      return this.#refetch(owner)
    }
    if (damaged.length > 0) return this.#refetch(owner, damaged)
    const ids = [...heads.keys()]
    const known = records.receivedDocuments(this.#id, owner)
    const behind = new Set(ids.filter((id) => !sameHead(known.has(id) ? headOfRecord(known.get(id)!) : undefined, heads.get(id)!) && !isForeign(records, id, owner))) // prettier-ignore
    for (const id of known.keys()) if (!heads.has(id)) behind.add(id)
    if (behind.size === 0) return
    if (this.#repair) records.replaceReceived(this.#id, owner, heads, modelId)
    this.#find('records-behind', behind.size, [...behind], this.#repair, owner)
  }

  /** How many documents it names; what it says of them, and which of them are not whole, is added. */
  async #readReceived(
    owner: string,
    heads: Map<string, DocumentHead>,
    damaged: string[],
  ): Promise<number> {
    const { store } = this.#parts
    const said = await store.documents(this.#id, owner, this.#signal)
    for (const [id, head] of said) if (head) heads.set(id, head)
    const ids = [...heads.keys()]
    for (let at = 0; at < ids.length; at += batch) {
      this.#signal.throwIfAborted()
      const some = ids.slice(at, at + batch)
      const chunks = await store.chunksOf(this.#id, some, this.#signal, owner)
      const counts = Map.groupBy(chunks, ({ documentId }) => documentId)
      for (const id of some)
        if ((counts.get(id)?.length ?? 0) !== heads.get(id)?.chunks) damaged.push(id)
    }
    return said.size
  }

  /** Only its device can make it anew: it is taken away, and whoever keeps copies gets it again. */
  async #refetch(owner: string, damaged: readonly string[] = []): Promise<void> {
    const { store, records, onChange } = this.#parts
    if (this.#repair) {
      await store.removeCollection(this.#id, this.#signal, owner)
      records.removeReceived(this.#id, owner)
      onChange(this.#id)
    }
    this.#find('dataset-damaged', Math.max(1, damaged.length), damaged, this.#repair, owner)
  }

  /** Documents of a device whose dataset does not lie here. */
  #lost(owner: string): void {
    const { records } = this.#parts
    const ids = [...records.receivedDocuments(this.#id, owner).keys()]
    if (this.#repair) records.removeReceived(this.#id, owner)
    this.#find('records-behind', ids.length, ids, this.#repair, owner)
  }

  #find(
    kind: Kind,
    count: number,
    ids: readonly string[],
    repaired: boolean,
    owner?: string,
  ): void {
    const examples = ids.slice(0, maxExamples)
    this.#findings.push({ kind, collectionId: this.#id, count, examples, repaired, ...(owner === undefined ? {} : { owner }) }) // prettier-ignore
  }
}

/** Texts of documents that are not there, and what writes left over. */
async function checkTexts(
  { texts, records }: CheckParts,
  repair: boolean,
  findings: CheckFinding[],
): Promise<void> {
  const { texts: there, left } = await texts.list()
  const known = new Set(records.findDocumentIds({ limit: Number.MAX_SAFE_INTEGER }))
  const orphaned = [...there].filter((id) => !known.has(id))
  if (orphaned.length + left.length === 0) return
  if (repair) {
    for (const id of orphaned) await texts.remove(id)
    for (const name of left) await texts.removeLeft(name)
  }
  findings.push({
    kind: 'text-orphaned',
    collectionId: '',
    count: orphaned.length + left.length,
    examples: [...orphaned, ...left].slice(0, maxExamples),
    repaired: repair,
  })
}

function isForeign(records: VaultRecords, id: string, owner: string): boolean {
  const record = records.record(id)
  return record !== undefined && record.owner !== owner
}

function sameHead(a: DocumentHead | undefined, b: DocumentHead): boolean {
  return a !== undefined && canonical(a) === canonical(b)
}

function canonical(head: DocumentHead): string {
  return JSON.stringify(Object.entries(head).sort(([a], [b]) => (a < b ? -1 : 1)))
}
