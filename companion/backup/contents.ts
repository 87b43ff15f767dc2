import { readFile, readdir } from 'node:fs/promises'
import { join } from 'node:path'

/** One file of a backup: its path within it, and where its bytes are. */
export interface Content {
  readonly name: string
  /** Absent where the bytes are given. */
  readonly path?: string
  readonly bytes?: Uint8Array
}

/** What is not part of a backup: what can be fetched or made again, and what belongs to a running process. */
const left = new Set([
  'models',
  'page-models',
  'logs',
  'companion.json',
  'companion.lock',
  'companion.pid',
  'silo.db',
  'silo.db-wal',
  'silo.db-shm',
  'seal.json',
])

/**
 * The files of a data folder in an order that makes a running companion harmless: the manifests of a dataset are
 * read before the files they name are listed; those are immutable and outlive their manifest by minutes.
 */
export async function* homeContents(
  home: string,
  options: { index: boolean },
): AsyncGenerator<Content> {
  for (const entry of await readdir(home, { withFileTypes: true })) {
    if (left.has(entry.name) || entry.name.startsWith('.') || entry.name.endsWith('.new')) continue
    if (entry.name === 'vault') yield* vaultContents(home, options)
    else if (entry.isFile()) yield { name: entry.name, path: join(home, entry.name) }
    // What other devices were told of these folders is void once they are restored: it is found out anew.
    else if (entry.isDirectory() && entry.name !== 'sync') yield* filesUnder(home, entry.name)
  }
}

async function* vaultContents(home: string, options: { index: boolean }): AsyncGenerator<Content> {
  for (const entry of await readdir(join(home, 'vault'), { withFileTypes: true })) {
    const name = `vault/${entry.name}`
    if (entry.name === 'index' && entry.isDirectory()) {
      if (options.index) yield* indexContents(home, name)
    } else if (entry.isDirectory()) yield* filesUnder(home, name)
    else if (entry.isFile()) yield { name, path: join(home, name) }
  }
}

async function* indexContents(home: string, folder: string): AsyncGenerator<Content> {
  const manifests: Content[] = []
  for await (const { name, path } of filesUnder(home, folder))
    if (isManifest(name)) {
      const bytes = await readFile(path!).catch(() => undefined)
      if (bytes) manifests.push({ name, bytes })
    }
  for await (const content of filesUnder(home, folder)) if (!isManifest(content.name)) yield content
  yield* manifests
}

const isManifest = (name: string): boolean => name.includes('/_versions/')

async function* filesUnder(home: string, folder: string): AsyncGenerator<Content> {
  for (const entry of await readdir(join(home, folder), { withFileTypes: true })) {
    const name = `${folder}/${entry.name}`
    if (entry.isDirectory()) {
      if (entry.name !== '.partial') yield* filesUnder(home, name)
    } else if (entry.isFile() && !entry.name.endsWith('.new') && !entry.name.endsWith('.part'))
      yield { name, path: join(home, name) }
  }
}
