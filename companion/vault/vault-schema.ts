/**
 * Tables of the vault, version by version; a step is never edited once it has been released. The first is that of
 * Silo 0.1, where a document was a path.
 */
export const vaultSchema: readonly string[] = [
  `CREATE TABLE collections (
     id TEXT PRIMARY KEY, name TEXT NOT NULL, created_at INTEGER NOT NULL, roots TEXT NOT NULL DEFAULT '[]',
     ingested_at INTEGER) STRICT;
   CREATE TABLE documents (
     id TEXT PRIMARY KEY, collection_id TEXT NOT NULL REFERENCES collections (id) ON DELETE CASCADE,
     path TEXT NOT NULL, title TEXT NOT NULL, media_type TEXT NOT NULL, size INTEGER NOT NULL,
     modified_at INTEGER NOT NULL, sha256 TEXT NOT NULL, chunks INTEGER NOT NULL, pages INTEGER,
     model TEXT NOT NULL) STRICT;
   CREATE UNIQUE INDEX documents_path ON documents (collection_id, path);
   CREATE TABLE problems (
     collection_id TEXT NOT NULL REFERENCES collections (id) ON DELETE CASCADE,
     path TEXT NOT NULL, error TEXT NOT NULL, at INTEGER NOT NULL, PRIMARY KEY (collection_id, path)) STRICT;`,

  // A document is a content now: files lead to it. Those of other devices have an owner. What changes gets a number.
  `ALTER TABLE collections ADD COLUMN change INTEGER NOT NULL DEFAULT 0;
   ALTER TABLE collections ADD COLUMN watched INTEGER NOT NULL DEFAULT 1;
   ALTER TABLE collections ADD COLUMN paused INTEGER NOT NULL DEFAULT 0;
   ALTER TABLE collections ADD COLUMN home TEXT;
   ALTER TABLE collections ADD COLUMN source TEXT;
   ALTER TABLE problems ADD COLUMN size INTEGER;
   ALTER TABLE problems ADD COLUMN modified_at INTEGER;
   ALTER TABLE problems ADD COLUMN reader INTEGER;
   CREATE TABLE new_documents (
     id TEXT PRIMARY KEY, collection_id TEXT NOT NULL REFERENCES collections (id) ON DELETE CASCADE,
     owner TEXT NOT NULL, path TEXT NOT NULL, title TEXT NOT NULL, media_type TEXT NOT NULL,
     size INTEGER NOT NULL, modified_at INTEGER NOT NULL, sha256 TEXT NOT NULL, chunks INTEGER NOT NULL,
     pages INTEGER, kind TEXT, date INTEGER, author TEXT, length INTEGER, copies TEXT NOT NULL DEFAULT '[]',
     model TEXT NOT NULL, reader INTEGER NOT NULL, change INTEGER NOT NULL,
     content_change INTEGER NOT NULL) STRICT;
   INSERT INTO new_documents
     SELECT id, collection_id, '', path, title, media_type, size, modified_at, sha256, chunks, pages, NULL, NULL,
       NULL, NULL, '[]', model, 0, row_number() OVER (PARTITION BY collection_id ORDER BY path),
       row_number() OVER (PARTITION BY collection_id ORDER BY path) FROM documents;
   UPDATE collections SET change = (SELECT count(*) FROM documents WHERE collection_id = collections.id);
   CREATE TABLE files (
     collection_id TEXT NOT NULL REFERENCES collections (id) ON DELETE CASCADE, path TEXT NOT NULL,
     document_id TEXT NOT NULL, size INTEGER NOT NULL, modified_at INTEGER NOT NULL, inode TEXT NOT NULL,
     sha256 TEXT NOT NULL, PRIMARY KEY (collection_id, path)) STRICT;
   INSERT INTO files SELECT collection_id, path, id, size, modified_at, '', sha256 FROM documents;
   DROP TABLE documents;
   ALTER TABLE new_documents RENAME TO documents;
   CREATE INDEX documents_path ON documents (collection_id, owner, path);
   CREATE INDEX documents_change ON documents (collection_id, change);
   CREATE INDEX documents_sum ON documents (collection_id, sha256);
   CREATE INDEX files_document ON files (document_id);
   CREATE TABLE tombstones (
     collection_id TEXT NOT NULL REFERENCES collections (id) ON DELETE CASCADE, document_id TEXT NOT NULL,
     change INTEGER NOT NULL, removed_at INTEGER NOT NULL, PRIMARY KEY (collection_id, document_id)) STRICT;
   CREATE INDEX tombstones_change ON tombstones (collection_id, change);
   CREATE TABLE pending (
     collection_id TEXT NOT NULL REFERENCES collections (id) ON DELETE CASCADE, document_id TEXT NOT NULL,
     record TEXT, PRIMARY KEY (collection_id, document_id)) STRICT;
   CREATE TABLE root_places (
     collection_id TEXT NOT NULL REFERENCES collections (id) ON DELETE CASCADE, root TEXT NOT NULL,
     place TEXT NOT NULL, PRIMARY KEY (collection_id, root)) STRICT;`,
]
