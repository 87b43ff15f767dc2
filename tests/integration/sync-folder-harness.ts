import { mkdirSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs'
import { lstatSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { DatabaseSync } from 'node:sqlite'
import { JsonLog, silentLog } from '#companion/observe/log.ts'
import { openDatabase } from '#companion/records/database.ts'
import type { FolderEngine, FolderOptions, FolderType } from '#companion/sync/folder-engine.ts'
import { openFolder } from '#companion/sync/folder/folder.ts'
import { testDevice, type TestDevice } from '#tests/fakes/bep-pair.ts'

export const folderId = 'shared'
/** With SILO_TEST_LOG=1 engines say what they do. */
const log = process.env['SILO_TEST_LOG']
  ? new JsonLog((line) => process.stderr.write(line), 'debug')
  : silentLog

export interface Replica extends AsyncDisposable {
  readonly device: TestDevice
  readonly root: string
  readonly databasePath: string
  engine: FolderEngine
  /** Ends the engine and starts another on the same folder and index. */
  restart(): Promise<void>
}

export interface ReplicaInit {
  readonly type?: FolderType
  readonly options?: FolderOptions
  readonly root?: string
  readonly permits?: (device: Uint8Array, operation: 'read' | 'write') => boolean
  readonly device?: TestDevice
  /** Of a database in a file; else it is in memory. */
  readonly databasePath?: string
  /** Before it starts. */
  readonly onOpened?: (engine: FolderEngine) => void
}

/** One device's copy of the folder, started; not watched unless asked: tests say when to look. */
export async function replica(name: string, init: ReplicaInit = {}): Promise<Replica> {
  const device = init.device ?? testDevice(name)
  const place = mkdtempSync(join(tmpdir(), `silo-folder-${name}-`))
  const root = init.root ?? join(place, 'folder')
  const databasePath = init.databasePath ?? join(place, 'index.db')
  mkdirSync(root, { recursive: true })
  let database: DatabaseSync
  const open = async () => {
    database = openDatabase(databasePath)
    const engine = openFolder({
      id: folderId,
      label: 'Shared',
      root,
      type: init.type ?? 'sendreceive',
      bepId: device.bepId,
      database,
      options: { watch: false, rescanS: 0, ...init.options },
      log,
      ...(init.permits ? { permits: init.permits } : {}),
    })
    device.folders.set(folderId, engine)
    init.onOpened?.(engine)
    await engine.start()
    return engine
  }
  const one: Replica = {
    device,
    root,
    databasePath,
    engine: await open(),
    restart: async () => {
      await one.engine[Symbol.asyncDispose]()
      database.close()
      one.engine = await open()
    },
    [Symbol.asyncDispose]: async () => {
      await one.engine[Symbol.asyncDispose]()
      database.close()
      rmSync(place, { recursive: true, force: true })
    },
  }
  return one
}

/** Everything in a folder but the marker: directories as null, links as `-> target`, files as their text. */
export function treeOf(root: string, hidden = false): Record<string, string | null> {
  const tree: Record<string, string | null> = {}
  const visit = (folder: string) => {
    for (const base of readdirSync(join(root, folder)).toSorted()) {
      const name = folder === '' ? base : `${folder}/${base}`
      if (!hidden && (name === '.stfolder' || name === '.stignore')) continue
      const stats = lstatSync(join(root, name))
      if (stats.isDirectory()) {
        tree[name] = null
        visit(name)
      } else if (stats.isSymbolicLink()) tree[name] = `-> ${readlinkSync(join(root, name))}`
      else tree[name] = readFileSync(join(root, name), 'latin1')
    }
  }
  visit('')
  return tree
}

/** Waits until nothing happens any more at any of them. */
export async function quiet(...replicas: readonly Replica[]): Promise<void> {
  const signal = AbortSignal.timeout(45_000)
  for (let calm = 0, last = ''; calm < 3;) {
    await Promise.all(replicas.map(({ engine }) => engine.settled(signal)))
    const now = replicas
      .map(({ engine }) => `${engine.state().sequence}/${engine.state().needFiles}`)
      .join()
    calm = now === last ? calm + 1 : 0
    last = now
  }
}

/** Looks for changes everywhere, then waits until all have what they can have. */
export async function converge(...replicas: readonly Replica[]): Promise<void> {
  await Promise.all(replicas.map(({ engine }) => engine.rescan()))
  await quiet(...replicas)
}
