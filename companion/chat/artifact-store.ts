import { createHash } from 'node:crypto'
import { closeSync, existsSync, fsyncSync, globSync, mkdirSync, openSync, readFileSync, renameSync, rmSync, statSync, writeSync } from 'node:fs' // prettier-ignore
import { basename, join } from 'node:path'
import type { DatabaseSync } from 'node:sqlite'
import { migrate } from '#companion/records/database.ts'
import type { ExtractedArtifact } from './artifact-extractor.ts'
import type { Artifact, ArtifactKind } from '#shared/domain/artifact.ts'
import { newId } from '#shared/domain/ids.ts'
import { SiloError, type Language } from '#shared/errors/silo-error.ts'

/** How many earlier artifacts are compared with a new one, and the share of lines that makes it a version. */
const comparedArtifacts = 5
const sameThingShare = 0.6

/** Artifacts of conversations: a row for each version, the content once by hash under `<home>/artifacts`. */
export class ArtifactStore {
  readonly #database: DatabaseSync
  readonly #folder: string

  constructor(database: DatabaseSync, folder: string) {
    this.#database = database
    this.#folder = folder
    migrate(database, 'artifacts', [
      `CREATE TABLE artifacts (
        id TEXT PRIMARY KEY, conversation_id TEXT NOT NULL, message_id TEXT NOT NULL, key TEXT NOT NULL,
        version INTEGER NOT NULL, kind TEXT NOT NULL, title TEXT NOT NULL, language TEXT NOT NULL,
        sha256 TEXT NOT NULL, size INTEGER NOT NULL, created_at INTEGER NOT NULL, complete INTEGER NOT NULL,
        UNIQUE (conversation_id, key, version)
      ) STRICT;
      CREATE INDEX artifacts_by_message ON artifacts (message_id);
      CREATE INDEX artifacts_by_content ON artifacts (sha256)`,
      `ALTER TABLE artifacts ADD COLUMN run_id TEXT;
      ALTER TABLE artifacts ADD COLUMN call_id TEXT;
      ALTER TABLE artifacts ADD COLUMN media_type TEXT`,
    ])
  }

  /** Stores one more version of an artifact. @throws SiloError storage_failed */
  add(
    found: ExtractedArtifact,
    place: { conversationId: string; messageId: string; language: Language },
  ): Artifact {
    const bytes = Buffer.from(found.content)
    const sha256 = createHash('sha256').update(bytes).digest('hex')
    this.#write(sha256, bytes)
    const { conversationId, messageId } = place
    const key = this.#earlierKey(found, conversationId) ?? found.key
    const row = this.#database
      .prepare('SELECT max(version) AS last FROM artifacts WHERE conversation_id = ? AND key = ?')
      .get(conversationId, key)
    const artifact: Artifact = {
      id: newId(),
      conversationId,
      messageId,
      key,
      version: Number(row?.last ?? 0) + 1,
      kind: found.kind,
      title: found.title || fallbackTitle(found, place.language),
      language: found.language,
      sha256,
      size: bytes.length,
      createdAt: Date.now(),
      complete: found.complete,
    }
    this.#insert(artifact)
    return artifact
  }

  /**
   * Stores what a task made as one more version of its key; undefined where the newest version is the same.
   * @throws SiloError storage_failed
   */
  addMade(
    made: {
      key: string
      kind: ArtifactKind
      title: string
      content: Uint8Array
      mediaType: string
    },
    place: { conversationId: string; messageId: string; runId: string; callId?: string },
  ): Artifact | undefined {
    const bytes = Buffer.from(made.content)
    const sha256 = createHash('sha256').update(bytes).digest('hex')
    const last = this.#database
      .prepare(
        'SELECT version, sha256 FROM artifacts WHERE conversation_id = ? AND key = ? ORDER BY version DESC LIMIT 1',
      )
      .get(place.conversationId, made.key)
    if (last?.sha256 === sha256) return undefined
    this.#write(sha256, bytes)
    const artifact: Artifact = {
      id: newId(),
      conversationId: place.conversationId,
      messageId: place.messageId,
      key: made.key,
      version: Number(last?.version ?? 0) + 1,
      kind: made.kind,
      title: made.title,
      language: '',
      sha256,
      size: bytes.length,
      createdAt: Date.now(),
      complete: true,
      runId: place.runId,
      ...(place.callId === undefined ? {} : { callId: place.callId }),
      mediaType: made.mediaType,
    }
    this.#insert(artifact)
    return artifact
  }

  #insert(artifact: Artifact): void {
    this.#database
      .prepare(
        `INSERT INTO artifacts (id, conversation_id, message_id, key, version, kind, title, language, sha256, size,
          created_at, complete, run_id, call_id, media_type) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      )
      .run(
        artifact.id,
        artifact.conversationId,
        artifact.messageId,
        artifact.key,
        artifact.version,
        artifact.kind,
        artifact.title,
        artifact.language,
        artifact.sha256,
        artifact.size,
        artifact.createdAt,
        artifact.complete ? 1 : 0,
        artifact.runId ?? null,
        artifact.callId ?? null,
        artifact.mediaType ?? null,
      )
  }

  /** The key of an artifact that this one is a changed copy of, though its title may be another. */
  #earlierKey(found: ExtractedArtifact, conversationId: string): string | undefined {
    const earlier = this.ofConversation(conversationId).filter(({ kind }) => kind === found.kind)
    if (earlier.some(({ key }) => key === found.key)) return found.key
    const lines = linesOf(found.content)
    for (const artifact of earlier.slice(-comparedArtifacts).reverse()) {
      const known = linesOf(this.content(artifact.id).toString())
      const shared = [...lines].filter((line) => known.has(line)).length
      if (shared >= sameThingShare * Math.max(lines.size, known.size)) return artifact.key
    }
    return undefined
  }

  /** Oldest first. */
  ofConversation(conversationId: string): Artifact[] {
    return this.#database
      .prepare('SELECT * FROM artifacts WHERE conversation_id = ? ORDER BY created_at, rowid')
      .all(conversationId)
      .map(artifactOf)
  }

  /** @throws SiloError artifact_unknown */
  get(id: string): Artifact {
    const row = this.#database.prepare('SELECT * FROM artifacts WHERE id = ?').get(id)
    if (!row) throw new SiloError('artifact_unknown')
    return artifactOf(row)
  }

  /** @throws SiloError artifact_unknown */
  content(id: string): Buffer {
    const { sha256 } = this.get(id)
    try {
      return readFileSync(this.#path(sha256))
    } catch (cause) {
      throw new SiloError('artifact_unknown', { cause })
    }
  }

  /**
   * Deletes contents that no row names any more (their conversations were purged), once they are a day
   * old. Returns how many.
   */
  sweep(now: number = Date.now()): number {
    let removed = 0
    const named = this.#database.prepare('SELECT 1 FROM artifacts WHERE sha256 = ?')
    for (const path of globSync('[0-9a-f][0-9a-f]/*', { cwd: this.#folder })) {
      const full = join(this.#folder, path)
      const stats = statSync(full, { throwIfNoEntry: false })
      if (!stats || stats.mtimeMs > now - 24 * 3600 * 1000) continue
      if (named.get(basename(path))) continue
      rmSync(full, { force: true })
      removed++
    }
    return removed
  }

  #path(sha256: string): string {
    return join(this.#folder, sha256.slice(0, 2), sha256)
  }

  #write(sha256: string, bytes: Buffer): void {
    const path = this.#path(sha256)
    if (existsSync(path)) return
    try {
      mkdirSync(join(path, '..'), { recursive: true, mode: 0o700 })
      const temporary = `${path}.${newId()}`
      const file = openSync(temporary, 'wx', 0o600)
      try {
        writeSync(file, bytes)
        fsyncSync(file)
      } finally {
        closeSync(file)
      }
      renameSync(temporary, path)
    } catch (cause) {
      throw new SiloError('storage_failed', { cause })
    }
  }
}

const kindNames: Record<ArtifactKind, Record<Language, string>> = {
  html: { en: 'Web page', zh: '网页' },
  markdown: { en: 'Document', zh: '文档' },
  svg: { en: 'Drawing', zh: '图形' },
  code: { en: 'Code', zh: '代码' },
  csv: { en: 'Table', zh: '表格' },
  chart: { en: 'Chart', zh: '图表' },
  diagram: { en: 'Diagram', zh: '示意图' },
  image: { en: 'Picture', zh: '图片' },
  file: { en: 'File', zh: '文件' },
}

/** The different lines of a text that say something. */
function linesOf(text: string): Set<string> {
  return new Set(text.split('\n').flatMap((line) => (line.trim().length > 3 ? [line.trim()] : [])))
}

function fallbackTitle(found: ExtractedArtifact, language: Language): string {
  if (found.kind === 'code' && found.language) return found.language
  return kindNames[found.kind][language]
}

function artifactOf(row: Record<string, unknown>): Artifact {
  return {
    id: String(row.id),
    conversationId: String(row.conversation_id),
    messageId: String(row.message_id),
    key: String(row.key),
    version: Number(row.version),
    kind: row.kind as ArtifactKind,
    title: String(row.title),
    language: String(row.language),
    sha256: String(row.sha256),
    size: Number(row.size),
    createdAt: Number(row.created_at),
    complete: row.complete === 1,
    ...(row.run_id === null ? {} : { runId: String(row.run_id) }),
    ...(row.call_id === null ? {} : { callId: String(row.call_id) }),
    ...(row.media_type === null ? {} : { mediaType: String(row.media_type) }),
  }
}
