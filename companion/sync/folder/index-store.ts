import { randomBytes } from 'node:crypto'
import type { DatabaseSync, SQLOutputValue, StatementSync } from 'node:sqlite'
import { migrate, transaction } from '#companion/records/database.ts'
import { fileType } from '#companion/sync/bep-peer.ts'
import { hashBytes, hashOfBlock, sameBytes } from './block-list.ts'
import type { IndexedFile, LocalFile } from './file-records.ts'
import {
  columns,
  flags,
  hashKey,
  localOf,
  remoteOf,
  shortOf,
  stateOf,
  type LocalState,
  type ShortRow,
  valuesOf,
} from './index-rows.ts'
import { encodeVersion, type Version } from './versions.ts'

const steps = [
  `CREATE TABLE sync_folders (
     no INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, index_id BLOB NOT NULL, sequence INTEGER NOT NULL
   ) STRICT;
   CREATE TABLE sync_devices (
     no INTEGER PRIMARY KEY, folder INTEGER NOT NULL, bep_id BLOB NOT NULL, index_id BLOB NOT NULL,
     sequence INTEGER NOT NULL, files INTEGER NOT NULL, UNIQUE (folder, bep_id)
   ) STRICT;
   CREATE TABLE sync_files (
     id INTEGER PRIMARY KEY, folder INTEGER NOT NULL, name TEXT NOT NULL, device INTEGER NOT NULL,
     sequence INTEGER NOT NULL, flags INTEGER NOT NULL, version BLOB NOT NULL, type INTEGER NOT NULL,
     size INTEGER NOT NULL, modified_s INTEGER NOT NULL, modified_ns INTEGER NOT NULL, modified_by BLOB NOT NULL,
     permissions INTEGER NOT NULL, stat TEXT NOT NULL, target TEXT, block_size INTEGER NOT NULL,
     content BLOB NOT NULL, hashes BLOB NOT NULL, UNIQUE (folder, name, device)
   ) STRICT;
   CREATE INDEX sync_files_sequence ON sync_files (folder, device, sequence);
   CREATE INDEX sync_files_content ON sync_files (folder, content) WHERE device = 0;
   CREATE TABLE sync_blocks (
     folder INTEGER NOT NULL, hash INTEGER NOT NULL, file INTEGER NOT NULL, block INTEGER NOT NULL,
     PRIMARY KEY (folder, hash, file, block)
   ) STRICT, WITHOUT ROWID;
   CREATE INDEX sync_blocks_file ON sync_blocks (file);`,
]

export interface KnownDevice {
  readonly no: number
  readonly bepId: Uint8Array
  readonly indexId: bigint
  readonly sequence: number
  readonly files: number
}

export interface Totals {
  files: number
  bytes: number
  changedHere: number
}

const here = 0
const short =
  'name, device, sequence, flags, version, type, size, modified_s, modified_ns, stat, permissions'

/** What is asked for each name, put together once. */
const sql = {
  local: `SELECT ${columns} FROM sync_files WHERE folder = ? AND name = ? AND device = 0`,
  remote: `SELECT ${columns} FROM sync_files WHERE folder = ? AND name = ? AND device = ?`,
  versions: `SELECT ${short} FROM sync_files WHERE folder = ? AND name = ?`,
  localShort: `SELECT ${short} FROM sync_files WHERE folder = ? AND name = ? AND device = 0`,
  localState: `SELECT sequence, flags, type, size, permissions, stat FROM sync_files
    WHERE folder = ? AND name = ? AND device = 0`,
  localNames: `SELECT ${short} FROM sync_files
    WHERE folder = ? AND name > ? AND name > ? AND name < ? AND device = 0 AND flags & ${flags.deleted} = 0
    ORDER BY name LIMIT ?`,
  localNamesBefore: `SELECT ${short} FROM sync_files
    WHERE folder = ? AND name > ? AND name < ? AND device = 0 AND flags & ${flags.deleted} = 0
    ORDER BY name DESC LIMIT ?`,
  upsert: `INSERT INTO sync_files (folder, device, ${columns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT (folder, name, device) DO UPDATE SET sequence = excluded.sequence, flags = excluded.flags,
         version = excluded.version, type = excluded.type, size = excluded.size, modified_s = excluded.modified_s,
         modified_ns = excluded.modified_ns, modified_by = excluded.modified_by, permissions = excluded.permissions,
         stat = excluded.stat, target = excluded.target, block_size = excluded.block_size,
         content = excluded.content, hashes = excluded.hashes
       RETURNING id, (SELECT l.version FROM sync_files l WHERE l.folder = sync_files.folder AND l.name = sync_files.name
         AND l.device = 0 AND l.flags & ${flags.ignored} = 0) AS local`,
} as const

/** What this device and its peers have of one folder, on disk. Calls block: keep each to some thousand files. */
export class IndexStore {
  readonly indexId: bigint
  readonly #database: DatabaseSync
  readonly #folder: number
  readonly #statements = new Map<string, StatementSync>()
  readonly totals: Totals
  #sequence: number
  #folded: Map<string, Set<string>> | undefined
  #devices: readonly KnownDevice[] | undefined

  constructor(database: DatabaseSync, folderId: string) {
    migrate(database, 'sync-folders', steps)
    this.#database = database
    database
      .prepare(
        'INSERT INTO sync_folders (id, index_id, sequence) VALUES (?, ?, 0) ON CONFLICT DO NOTHING',
      )
      .run(folderId, newIndexId())
    const row = database
      .prepare('SELECT no, index_id, sequence FROM sync_folders WHERE id = ?')
      .get(folderId) as { no: number; index_id: Uint8Array; sequence: number }
    this.#folder = row.no
    this.indexId = Buffer.from(row.index_id).readBigUInt64BE()
    this.#sequence = row.sequence
    this.totals = this.#prepare(
      `SELECT count(*) AS files, coalesce(sum(size), 0) AS bytes, coalesce(sum(flags & ${flags.changedHere} <> 0), 0) AS changedHere
       FROM sync_files WHERE folder = ? AND device = 0 AND type = 0 AND flags & ${flags.deleted | flags.ignored} = 0`,
    ).get(this.#folder) as unknown as Totals
  }

  get sequence(): number {
    return this.#sequence
  }

  local(name: string): LocalFile | undefined {
    const row = this.#get(sql.local, name)
    return row && localOf(row)
  }

  remote(name: string, device: number): IndexedFile | undefined {
    const row = this.#get(sql.remote, name, device)
    return row && remoteOf(row)
  }

  /** What all devices, this one included (`device` 0), have under a name; without blocks. */
  versions(name: string): ShortRow[] {
    return this.#prepare(sql.versions)
      .all(this.#folder, name)
      .map((row) => shortOf(row))
  }

  localShort(name: string): ShortRow | undefined {
    const row = this.#get(sql.localShort, name)
    return row && shortOf(row)
  }

  /** What a scan asks of each name: the least that tells whether it changed. */
  localState(name: string): LocalState | undefined {
    const row = this.#prepare(sql.localState, true).get(this.#folder, name)
    return row && stateOf(row as unknown as SQLOutputValue[])
  }

  /** Local names that are not deleted, in and under `folder` ('' for all), after `after`, in order of bytes. */
  localNames(folder: string, after: string, limit: number): ShortRow[] {
    const low = folder === '' ? '' : `${folder}/`
    return this.#prepare(sql.localNames)
      .all(this.#folder, low, after, folder === '' ? '\u{10ffff}' : `${folder}0`, limit)
      .map((row) => shortOf(row))
  }

  /** The same from the last name up, so that what is in a directory comes before it: those before `before`. */
  localNamesBefore(folder: string, before: string | undefined, limit: number): ShortRow[] {
    const low = folder === '' ? '' : `${folder}/`
    const high = folder === '' ? '\u{10ffff}' : `${folder}0`
    return this.#prepare(sql.localNamesBefore)
      .all(this.#folder, low, before ?? high, limit)
      .map((row) => shortOf(row))
  }

  /** What is announced after `sequence`, in order. */
  localSince(sequence: number, limit: number): LocalFile[] {
    return this.#prepare(
      `SELECT ${columns} FROM sync_files WHERE folder = ? AND device = 0 AND sequence > ? ORDER BY sequence LIMIT ?`,
    )
      .all(this.#folder, sequence, limit)
      .map((row) => localOf(row))
  }

  /** Writes files of this device, all or none; each gets the next sequence, in the order given. */
  putLocal(files: readonly LocalFile[]): void {
    if (files.length === 0) return
    let sequence = this.#sequence
    const totals = { ...this.totals }
    transaction(this.#database, () => {
      for (const file of files) {
        const before = this.localState(file.name)
        if (before) count(totals, before, -1)
        const { id } = this.#upsert({ ...file, sequence: ++sequence }, here)
        if (before) this.#prepare('DELETE FROM sync_blocks WHERE file = ?').run(id)
        if (!file.deleted) this.#putBlocks(id, file)
        count(totals, { type: file.type, size: file.size, ...pick(file) }, 1)
      }
      this.#prepare('UPDATE sync_folders SET sequence = ? WHERE no = ?').run(sequence, this.#folder)
    })
    this.#sequence = sequence
    Object.assign(this.totals, totals)
    if (this.#folded) for (const { name, deleted } of files) fold(this.#folded, name, deleted)
  }

  /** Only what is remembered of the disk; nothing is announced. */
  putStats(stats: readonly { name: string; stat: string }[]): void {
    if (stats.length === 0) return
    const set = this.#prepare(
      'UPDATE sync_files SET stat = ? WHERE folder = ? AND name = ? AND device = 0',
    )
    transaction(this.#database, () => {
      for (const { name, stat } of stats) set.run(stat, this.#folder, name)
    })
  }

  devices(): readonly KnownDevice[] {
    return (this.#devices ??= this.#prepare('SELECT * FROM sync_devices WHERE folder = ?')
      .all(this.#folder)
      .map((row) => ({
        no: row['no'] as number,
        bepId: row['bep_id'] as Uint8Array,
        indexId: Buffer.from(row['index_id'] as Uint8Array).readBigUInt64BE(),
        sequence: row['sequence'] as number,
        files: row['files'] as number,
      })))
  }

  device(bepId: Uint8Array): KnownDevice | undefined {
    return this.devices().find((device) => sameBytes(device.bepId, bepId))
  }

  /** Begins (again) what is known of a device: what it announced before is dropped. */
  resetDevice(bepId: Uint8Array, indexId: bigint): KnownDevice {
    const id = Buffer.alloc(8)
    id.writeBigUInt64BE(indexId)
    transaction(this.#database, () => {
      this.#prepare(
        `INSERT INTO sync_devices (folder, bep_id, index_id, sequence, files) VALUES (?, ?, ?, 0, 0)
         ON CONFLICT (folder, bep_id) DO UPDATE SET index_id = excluded.index_id, sequence = 0, files = 0`,
      ).run(this.#folder, bepId, id)
      this.#devices = undefined
      this.#prepare('DELETE FROM sync_files WHERE folder = ? AND device = ?').run(
        this.#folder,
        this.device(bepId)!.no,
      )
    })
    return this.device(bepId)!
  }

  dropDevice(bepId: Uint8Array): void {
    const device = this.device(bepId)
    if (!device) return
    this.resetDevice(bepId, 0n)
    this.#prepare('DELETE FROM sync_devices WHERE no = ?').run(device.no)
    this.#devices = undefined
  }

  /**
   * Writes what a device announced; `sequence` is how far it is known then. Returns the names it has in another version
   * than this device, or which are ignored here.
   */
  putRemote(device: number, files: readonly IndexedFile[], sequence: number): string[] {
    const differing: string[] = []
    transaction(this.#database, () => {
      // New rows get higher ids than any before.
      const { last } = this.#prepare('SELECT coalesce(max(id), 0) AS last FROM sync_files').get() as { last: number } // prettier-ignore
      let added = 0
      for (const file of files) {
        const row = this.#upsert({ ...file, stat: '', ignored: false, changedHere: false }, device)
        if (row.id > last) added++
        if (!row.local || !sameBytes(row.local, encodeVersion(file.version)))
          differing.push(file.name)
      }
      this.#prepare(
        'UPDATE sync_devices SET sequence = max(sequence, ?), files = files + ? WHERE no = ?',
      ).run(sequence, added, device)
    })
    this.#devices = undefined
    return differing
  }

  /** Names others have in another version than this device, after `after`. */
  differingNames(after: string, limit: number): string[] {
    return this.#prepare(
      `SELECT DISTINCT r.name AS name FROM sync_files r
       LEFT JOIN sync_files l ON l.folder = r.folder AND l.name = r.name AND l.device = 0
       WHERE r.folder = ? AND r.name > ? AND r.device <> 0 AND l.version IS NOT r.version
       ORDER BY r.name LIMIT ?`,
    )
      .all(this.#folder, after, limit)
      .map((row) => row['name'] as string)
  }

  /** What a device lacks of what is here, as far as it has told. */
  lacks(device: number): { files: number; bytes: number } {
    return this.#prepare(
      `SELECT count(*) AS files, coalesce(sum(l.size), 0) AS bytes FROM sync_files l
       LEFT JOIN sync_files r ON r.folder = l.folder AND r.name = l.name AND r.device = ?
       WHERE l.folder = ? AND l.device = 0 AND l.flags & ${flags.invalid | flags.ignored | flags.changedHere} = 0
         AND r.version IS NOT l.version AND NOT (r.version IS NULL AND l.flags & ${flags.deleted} <> 0)`,
    ).get(device, this.#folder) as { files: number; bytes: number }
  }

  /** What was changed where only receiving is allowed, by name. */
  changedHere(): LocalFile[] {
    return this.#prepare(
      `SELECT ${columns} FROM sync_files WHERE folder = ? AND device = 0 AND flags & ${flags.changedHere} <> 0 ORDER BY name`,
    )
      .all(this.#folder)
      .map((row) => localOf(row))
  }

  /** Files here with this content. */
  withContent(content: Uint8Array): LocalFile[] {
    return this.#prepare(
      `SELECT ${columns} FROM sync_files WHERE folder = ? AND content = ? AND device = 0
         AND flags & ${flags.deleted | flags.ignored} = 0 LIMIT 4`,
    )
      .all(this.#folder, content)
      .map((row) => localOf(row))
  }

  /** A name here that differs from this one in case only. Asked only where the file system cannot hold both. */
  otherCase(name: string): string | undefined {
    this.#folded ??= this.#allFolded()
    for (const other of this.#folded.get(name.toLowerCase()) ?? []) if (other !== name) return other
    return undefined
  }

  #allFolded(): Map<string, Set<string>> {
    const folded = new Map<string, Set<string>>()
    for (let after = ''; ;) {
      const rows = this.localNames('', after, 1000)
      for (const { name } of rows) fold(folded, name, false)
      if (rows.length < 1000) return folded
      after = rows.at(-1)!.name
    }
  }

  /** Where a block lies in files here; the hash has to be checked, only a part of it is looked up. */
  findBlock(hash: Uint8Array): { name: string; offset: number } | undefined {
    const row = this.#get(
      `SELECT f.name AS name, b.block * f.block_size AS offset FROM sync_blocks b JOIN sync_files f ON f.id = b.file
       WHERE b.folder = ? AND b.hash = ? LIMIT 1`,
      hashKey(hash),
    )
    return row && { name: row['name'] as string, offset: row['offset'] as number }
  }

  #putBlocks(id: number, file: LocalFile): void {
    // A file of one block is found by its content.
    if (file.hashes.length <= hashBytes) return
    const insert = this.#prepare('INSERT OR IGNORE INTO sync_blocks VALUES (?, ?, ?, ?)')
    for (let i = 0; i * hashBytes < file.hashes.length; i++)
      insert.run(this.#folder, hashKey(hashOfBlock(file.hashes, i)), id, i)
  }

  /** `local`: the version this device has of the name, unless it ignores it. */
  #upsert(file: LocalFile, device: number): { id: number; local: Uint8Array | null } {
    const row = this.#prepare(sql.upsert).get(this.#folder, device, ...valuesOf(file))
    return row as { id: number; local: Uint8Array | null }
  }

  #get(text: string, ...values: (string | number | bigint | Uint8Array)[]) {
    return this.#prepare(text).get(this.#folder, ...values)
  }

  #prepare(text: string, asArrays = false): StatementSync {
    let statement = this.#statements.get(text)
    if (!statement) {
      statement = this.#database.prepare(text)
      if (asArrays) statement.setReturnArrays(true)
      this.#statements.set(text, statement)
    }
    return statement
  }
}

/** Whether what a device has under a name is of a version: for choosing whom to ask. */
export function isVersion(row: ShortRow, version: Version): boolean {
  return sameBytes(encodeVersion(row.version), encodeVersion(version))
}

function pick(file: LocalFile): Pick<ShortRow, 'deleted' | 'ignored' | 'changedHere'> {
  return { deleted: file.deleted, ignored: file.ignored, changedHere: file.changedHere }
}

function count(
  totals: Totals,
  row: Pick<ShortRow, 'type' | 'size' | 'deleted' | 'ignored' | 'changedHere'>,
  by: 1 | -1,
): void {
  if (row.type !== fileType.file || row.deleted || row.ignored) return
  totals.files += by
  totals.bytes += by * row.size
  if (row.changedHere) totals.changedHere += by
}

function fold(folded: Map<string, Set<string>>, name: string, deleted: boolean): void {
  const key = name.toLowerCase()
  const names = folded.get(key)
  if (deleted) names?.delete(name)
  else if (names) names.add(name)
  else folded.set(key, new Set([name]))
}

function newIndexId(): Uint8Array {
  const id = randomBytes(8)
  // 0 means "none".
  id[7]! |= 1
  return id
}
