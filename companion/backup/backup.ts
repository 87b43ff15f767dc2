import { createWriteStream, existsSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { SiloError } from '#shared/errors/silo-error.ts'
import { readArchive, writeArchive, type Manifest } from './archive.ts'
import { homeContents, type Content } from './contents.ts'

export interface BackupRequest {
  readonly home: string
  readonly companionId: string
  /** Where the backup goes. An older one of that name is replaced when the new one is complete. */
  readonly path: string
  readonly passphrase: string
  /** Whether the search index goes along; it can be made again from the documents. */
  readonly index: boolean
  readonly open: (name: string, bytes: Uint8Array) => Uint8Array
  readonly workFactor?: number
}

export interface BackupResult {
  readonly files: number
  /** Of the files, before compression. */
  readonly bytes: number
}

type OnProgress = (stage: 'copying' | 'verifying', done: number, total?: number) => void

/**
 * Writes the data folder into one encrypted file, while a companion may run, then reads that file again to its end
 * and compares every sum.
 * @throws SiloError passphrase_short is the caller's; disk_full, file_changed, backup_damaged; the signal's reason
 */
export async function backup(
  request: BackupRequest,
  signal: AbortSignal,
  onProgress: OnProgress = () => {},
): Promise<BackupResult> {
  const { home, path, passphrase } = request
  const work = await mkdtemp(join(dirname(path), `.${basename(path)}.`))
  try {
    const snapshot = join(work, 'silo.db')
    snapshotDatabase(join(home, 'silo.db'), snapshot)
    const manifest = await writeArchive(
      {
        ...request,
        contents: contents(home, snapshot, request.index),
        onFile: (done) => onProgress('copying', done),
      },
      signal,
    )
    const total = manifest.files.length
    await readArchive(
      path,
      passphrase,
      async () => undefined,
      signal,
      (done) => onProgress('verifying', done, total),
    )
    return resultOf(manifest)
  } finally {
    await rm(work, { recursive: true, force: true })
  }
}

async function* contents(home: string, snapshot: string, index: boolean): AsyncGenerator<Content> {
  yield { name: 'silo.db', path: snapshot }
  yield* homeContents(home, { index })
}

/** All of one moment, whatever a companion writes meanwhile. */
function snapshotDatabase(path: string, target: string): void {
  if (!existsSync(path)) throw new SiloError('path_not_found', { params: { path } })
  const database = new DatabaseSync(path)
  try {
    database.exec('PRAGMA busy_timeout = 30000')
    database.prepare('VACUUM INTO ?').run(target)
  } finally {
    database.close()
  }
}

/**
 * Restores a backup into a folder that is new or empty. All is compared in a folder beside it, which takes its place
 * at the end.
 * @throws SiloError home_not_empty, passphrase_wrong, backup_damaged, path_not_found, disk_full; the signal's reason
 */
export async function restore(
  request: {
    readonly path: string
    readonly passphrase: string
    readonly home: string
    /** Takes back what others were told of a state that is now older. */
    readonly settle?: (database: DatabaseSync) => void
  },
  signal: AbortSignal,
  onProgress: (done: number) => void = () => {},
): Promise<BackupResult> {
  const { path, passphrase, home } = request
  if ((await readdir(home).catch(() => [])).length > 0)
    throw new SiloError('home_not_empty', { params: { path: home } })
  await mkdir(dirname(home), { recursive: true })
  const staging = await mkdtemp(`${home}.restoring-`)
  try {
    const manifest = await readArchive(
      path,
      passphrase,
      async (name) => {
        const target = join(staging, ...name.split('/'))
        await mkdir(dirname(target), { recursive: true, mode: 0o700 })
        return createWriteStream(target, { mode: 0o600, flags: 'wx', flush: true })
      },
      signal,
      (done) => onProgress(done),
    )
    settleDatabase(join(staging, 'silo.db'), request.settle)
    await rm(home, { recursive: true, force: true })
    await rename(staging, home)
    return resultOf(manifest)
  } catch (error) {
    await rm(staging, { recursive: true, force: true })
    throw error
  }
}

function settleDatabase(
  path: string,
  settle: ((database: DatabaseSync) => void) | undefined,
): void {
  const database = new DatabaseSync(path)
  try {
    const row = database.prepare('PRAGMA integrity_check').get()
    if (row?.integrity_check !== 'ok')
      throw new SiloError('backup_damaged', { params: { detail: 'silo.db' } })
    settle?.(database)
  } finally {
    database.close()
  }
}

function resultOf({ files }: Manifest): BackupResult {
  return { files: files.length, bytes: files.reduce((sum, { size }) => sum + size, 0) }
}
