import type { DatabaseSync } from 'node:sqlite'
import * as v from 'valibot'
import { migrate } from '#companion/records/database.ts'
import type { AuditEntry } from '#shared/domain/sharing.ts'
import type { AuditQuery } from '#shared/protocol/sharing.ts'

export interface AuditLine {
  /** A device id; `self`, or absent, for the person at this computer. */
  readonly device?: string
  /** Told by the book unless given. */
  readonly name?: string
  readonly action: AuditEntry['action']
  readonly collectionIds: readonly string[]
  readonly allowed: boolean
  /** Passages, documents or bytes, as the action has it. */
  readonly count?: number
  /** A question, a path or who was given what; cut to 200 characters. */
  readonly detail?: string
}

export interface AuditInit {
  readonly database: DatabaseSync
  nameOf(device: string): string | undefined
  /** Called after lines were written, at most once a second. */
  onChange?(): void
  /** Lines kept. */
  readonly maxLines?: number
  readonly now?: () => number
}

const maxLines = 50_000
/** Lines are removed this many at once. */
const pruneLines = 500
const windowMs = 60_000
const maxDetail = 200
const maxCollections = 50
/** Windows kept at once; beyond it all share one. */
const maxWindows = 1000

interface Window {
  readonly until: number
  /** Lines that may still be written in it. */
  left: number
  /** The newest line that was not written, the sum of their counts, and how many they are. */
  held?: { line: AuditLine; count: number; lines: number }
}

/**
 * Who did what over whose data: a log that only grows, up to a size. Lines that repeat (blocks of a sync, refusals in a
 * row) are summed up in one line a minute, and where room is made the device with the most lines gives it, so that
 * nobody can push the traces of others, or their own refusals, out of it.
 */
export class AuditLog {
  readonly #init: AuditInit
  readonly #database: DatabaseSync
  readonly #windows = new Map<string, Window>()
  #timer: NodeJS.Timeout | undefined
  #telling: NodeJS.Timeout | undefined
  #lines: number

  constructor(init: AuditInit) {
    this.#init = init
    this.#database = init.database
    migrate(init.database, 'audit', [
      `CREATE TABLE audit (
         seq INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, device TEXT NOT NULL, name TEXT NOT NULL,
         action TEXT NOT NULL, collection_ids TEXT NOT NULL, allowed INTEGER NOT NULL, count INTEGER, detail TEXT) STRICT;
       CREATE INDEX audit_by_device ON audit (device, seq);
       CREATE TRIGGER audit_grows BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT, 'the audit log only grows'); END;`,
    ])
    this.#lines = Number(init.database.prepare('SELECT count(*) AS n FROM audit').get()?.n)
  }

  /** Never throws for what is in the line. The line is on disk on return, or summed up within a minute. */
  record(line: AuditLine): void {
    const now = this.#now()
    this.#closeWindows(now)
    const window = this.#windowOf(line, now)
    if (window.left > 0) {
      window.left--
      this.#write(line, now)
      return
    }
    window.held = {
      line,
      count: (window.held?.count ?? 0) + (line.count ?? 0),
      lines: (window.held?.lines ?? 0) + 1,
    }
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined
      this.#closeWindows(this.#now())
    }, windowMs).unref()
  }

  /** Newest first. */
  list(query: AuditQuery): { entries: AuditEntry[]; next?: number } {
    const wheres: string[] = ['1']
    const values: (string | number)[] = []
    const where = (sql: string, value: string | number | undefined): void => {
      if (value === undefined) return
      wheres.push(sql)
      values.push(value)
    }
    where('device = ?', query.device)
    where('action = ?', query.action)
    where('allowed = ?', query.allowed === undefined ? undefined : Number(query.allowed))
    where('at >= ?', query.since)
    where('at < ?', query.until)
    where('seq < ?', query.before)
    where('EXISTS (SELECT 1 FROM json_each(collection_ids) WHERE value = ?)', query.collection)
    const rows = this.#database
      .prepare(`SELECT * FROM audit WHERE ${wheres.join(' AND ')} ORDER BY seq DESC LIMIT ?`)
      .all(...values, query.limit + 1)
    const entries = rows.slice(0, query.limit).map(entryOf)
    const last = entries.at(-1)
    return rows.length > query.limit && last ? { entries, next: last.seq } : { entries }
  }

  /** Everybody that a line names, with the newest name. */
  devices(): { id: string; name: string }[] {
    return this.#database
      .prepare('SELECT device, name, max(seq) FROM audit GROUP BY device ORDER BY name, device')
      .all()
      .map((row) => ({ id: String(row.device), name: String(row.name) }))
  }

  /** Writes what is summed up so far. */
  close(): void {
    clearTimeout(this.#timer)
    clearTimeout(this.#telling)
    this.#closeWindows(Number.MAX_SAFE_INTEGER)
  }

  #windowOf(line: AuditLine, now: number): Window {
    const parts = [line.device ?? 'self', line.action, line.allowed, ...line.collectionIds]
    const key = this.#windows.size < maxWindows ? JSON.stringify(parts) : ''
    const known = this.#windows.get(key)
    if (known) return known
    const window: Window = { until: now + windowMs, left: linesAMinute(line) }
    this.#windows.set(key, window)
    return window
  }

  #closeWindows(now: number): void {
    for (const [key, { until, held }] of this.#windows) {
      if (until > now) continue
      this.#windows.delete(key)
      if (!held) continue
      const more = `× ${held.lines}`
      const detail = held.line.detail === undefined ? more : `${more} · ${held.line.detail}`
      this.#write({ ...held.line, count: held.count || held.lines, detail }, this.#now())
    }
  }

  #write(line: AuditLine, at: number): void {
    const device = line.device ?? 'self'
    this.#database
      .prepare(
        `INSERT INTO audit (at, device, name, action, collection_ids, allowed, count, detail)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
      )
      .run(
        at,
        device,
        (line.name ?? this.#init.nameOf(device) ?? '').slice(0, 60),
        line.action,
        JSON.stringify(line.collectionIds.slice(0, maxCollections)),
        Number(line.allowed),
        line.count ?? null,
        line.detail === undefined ? null : [...line.detail].slice(0, maxDetail).join(''),
      )
    if (++this.#lines > (this.#init.maxLines ?? maxLines)) this.#prune()
    this.#telling ??= setTimeout(() => {
      this.#telling = undefined
      this.#init.onChange?.()
    }, 1000).unref()
  }

  /** The oldest lines of who has the most go first. */
  #prune(): void {
    const { changes } = this.#database
      .prepare(
        `DELETE FROM audit WHERE seq IN (
           SELECT seq FROM audit WHERE device = (
             SELECT device FROM audit GROUP BY device ORDER BY count(*) DESC LIMIT 1)
           ORDER BY seq LIMIT ?)`,
      )
      .run(Math.min(pruneLines, Math.ceil((this.#init.maxLines ?? maxLines) / 20)))
    this.#lines -= Number(changes)
  }

  #now(): number {
    return this.#init.now?.() ?? Date.now()
  }
}

/** How many lines of one kind are written out in a minute before they are summed up. */
function linesAMinute({ action, allowed }: AuditLine): number {
  if (!allowed) return 5
  if (action === 'sync' || action === 'copy') return 1
  return action === 'grant' || action === 'remove' ? 120 : 30
}

const collectionIdsSchema = v.array(v.string())

function entryOf(row: Record<string, unknown>): AuditEntry {
  return {
    seq: Number(row.seq),
    at: Number(row.at),
    ...(row.device === 'self' ? {} : { deviceId: String(row.device) }),
    deviceName: String(row.name),
    action: row.action as AuditEntry['action'],
    collectionIds: v.parse(collectionIdsSchema, JSON.parse(String(row.collection_ids))),
    allowed: row.allowed === 1,
    ...(row.count === null ? {} : { count: Number(row.count) }),
    ...(row.detail === null ? {} : { detail: String(row.detail) }),
  }
}
