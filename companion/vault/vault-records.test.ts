import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { migrate, openDatabase } from '#companion/records/database.ts'
import type { DocumentHead } from '#shared/vault/document-head.ts'
import { OwnDocuments } from './own-documents.ts'
import { VaultRecords } from './vault-records.ts'
import { vaultSchema } from './vault-schema.ts'

const head = (more: Partial<DocumentHead> = {}): DocumentHead => ({
  title: 'Lease',
  path: '/home/b/lease.md',
  mediaType: 'text/markdown',
  size: 10,
  modifiedAt: 1000,
  sha256: 'a'.repeat(64),
  chunks: 2,
  length: 40,
  ...more,
})

describe('records of the vault', () => {
  let folder = ''
  beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'silo-records-'))))
  afterEach(() => rmSync(folder, { recursive: true, force: true }))

  it('open a database of the first release with everything in it', () => {
    const path = join(folder, 'silo.db')
    const old = openDatabase(path)
    migrate(old, 'vault', vaultSchema.slice(0, 1))
    old.exec(`
      INSERT INTO collections VALUES ('garden-collection', 'Garden', 5, '["/d"]', 9), ('empty-collection', 'Empty', 6, '[]', NULL);
      INSERT INTO documents VALUES
        ('${'1'.repeat(32)}', 'garden-collection', '/d/a.md', 'A', 'text/markdown', 10, 100, '${'a'.repeat(64)}', 2, NULL, 'e5'),
        ('${'2'.repeat(32)}', 'garden-collection', '/d/b.pdf', 'B', 'application/pdf', 20, 200, '${'b'.repeat(64)}', 3, 4, 'e5');
      INSERT INTO problems VALUES ('garden-collection', '/d/c.pdf', '{"code":"file_damaged","retryable":false,"message":"x"}', 7);`)
    old.close()
    for (let start = 0; start < 2; start++) {
      const database = openDatabase(path)
      const records = new VaultRecords(database, 'me')
      const [garden, empty] = records.collections()
      expect(garden).toMatchObject({ id: 'garden-collection', roots: ['/d'], ingestedAt: 9, documents: 2, chunks: 5, problems: 1, watched: true }) // prettier-ignore
      expect(empty).toMatchObject({ documents: 0, watched: true })
      expect(records.document('2'.repeat(32))).toEqual({ id: '2'.repeat(32), collectionId: 'garden-collection', path: '/d/b.pdf', title: 'B', mediaType: 'application/pdf', size: 20, modifiedAt: 200, chunks: 3, pages: 4 }) // prettier-ignore
      expect(records.problems('garden-collection')).toMatchObject([{ path: '/d/c.pdf', at: 7 }])
      // A phone that begins now gets all of them.
      expect(records.changesSince('garden-collection', 0, 10).map(({ change }) => change)).toEqual([1, 2]) // prettier-ignore
      expect(records.lastChange('garden-collection')).toBe(2)
      const files = new OwnDocuments(records).files('garden-collection')
      expect(files.get('/d/a.md')).toMatchObject({ documentId: '1'.repeat(32), size: 10, modifiedAt: 100 }) // prettier-ignore
      database.close()
    }
  })

  it('mirror what the dataset of another device says, and number every change', () => {
    const records = new VaultRecords(openDatabase(':memory:'), 'me')
    records.createCollection('collection-1', 'One', { home: 'b', source: 'copy' })
    const said = new Map([['x'.repeat(32), head()], ['y'.repeat(32), head({ title: 'Second', date: 5000, kind: 'mail', author: 'Wei' })]]) // prettier-ignore
    const replace = (heads: ReadonlyMap<string, DocumentHead>, owner = 'b') => records.replaceReceived('collection-1', owner, heads, 'e5') // prettier-ignore
    expect(replace(said)).toMatchObject({ put: [...said.keys()], removed: [], refused: [] })
    expect(records.lastChange('collection-1')).toBe(2)
    // The same again is no change.
    expect(replace(said)).toEqual({ put: [], removed: [], refused: [] })
    expect(records.document('x'.repeat(32))).toMatchObject({ owner: 'b', title: 'Lease' })
    expect(records.owners('collection-1')).toEqual([{ owner: 'b', documents: 2, chunks: 4 }])
    // Another name for the same content: the chunks are as they were.
    replace(new Map([['x'.repeat(32), head({ path: '/home/b/rent.md' })]]))
    const changes = records.changesSince('collection-1', 2, 10)
    expect(changes).toHaveLength(2)
    expect(changes.find(({ kind }) => kind === 'removed')).toMatchObject({ id: 'y'.repeat(32) })
    expect(changes.find(({ kind }) => kind === 'document')).toMatchObject({ contentChange: 1, document: { path: '/home/b/rent.md' } }) // prettier-ignore
    // It comes back: the deletion is forgotten.
    replace(said)
    expect(records.tombstonesSince('collection-1', 0, 10)).toEqual([])
  })

  it('let no device put itself in the place of another', () => {
    const records = new VaultRecords(openDatabase(':memory:'), 'me')
    records.createCollection('collection-1', 'One')
    const id = 'x'.repeat(32)
    records.putReceived('collection-1', 'b', new Map([[id, head()]]), 'e5')
    for (const owner of ['c', 'me', '']) {
      expect(records.putReceived('collection-1', owner, new Map([[id, head({ title: 'Mine' })]]), 'e5')).toMatchObject({ put: [], refused: [id] }) // prettier-ignore
      expect(records.removeReceived('collection-1', owner)).toEqual([])
    }
    expect(records.document(id)).toMatchObject({ owner: 'b', title: 'Lease' })
    expect(records.document(id, 'c')).toBeUndefined()
    expect(records.removeReceived('collection-1', 'b')).toEqual([id])
  })

  it('find documents by owner, kind, type and date', () => {
    const records = new VaultRecords(openDatabase(':memory:'), 'me')
    records.createCollection('collection-1', 'One')
    const day = 86_400_000
    records.putReceived('collection-1', 'b', new Map([['1'.repeat(32), head({ kind: 'mail', date: 10 * day })], ['2'.repeat(32), head({ modifiedAt: 12 * day })]]), 'e5') // prettier-ignore
    records.putReceived('collection-1', 'c', new Map([['3'.repeat(32), head({ kind: 'mail', date: 20 * day, mediaType: 'message/rfc822' })]]), 'e5') // prettier-ignore
    const found = (filter: Parameters<typeof records.findDocumentIds>[0]) => records.findDocumentIds(filter).map((id) => id[0]) // prettier-ignore
    expect(found({})).toEqual(['3', '2', '1'])
    expect(found({ owners: ['b'] })).toEqual(['2', '1'])
    expect(found({ kinds: ['mail'] })).toEqual(['3', '1'])
    // Without a date of its own a document is of the day it was changed.
    expect(found({ since: 11 * day, until: 20 * day })).toEqual(['2'])
    expect(found({ mediaTypes: ['message/rfc822'], collectionIds: ['collection-1'] })).toEqual([
      '3',
    ])
    expect(found({ owners: ['me'] })).toEqual([])
    expect(records.countDocuments({ kinds: ['mail'] })).toBe(2)
  })
})
