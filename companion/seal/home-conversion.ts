import { readFile, readdir, rename, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { basename, join, relative, sep } from 'node:path'
import type { Envelope } from './key-envelope.ts'
import { isSealed, openBytes, sealBytes } from './sealed-bytes.ts'
import { envelopePath, writeEnvelope } from './seal.ts'
import { secretPurpose } from './secret-files.ts'

/** What the seal binds an extracted text to. */
export const textPurpose = (documentId: string): string => `text:${documentId}`
/** Notes are renamed and moved, so they are bound to being notes only. */
export const notePurpose = 'note'

/** Secrets of the data folder, as far as they are there. The start token only opens a running companion: it stays. */
const secretNames = [
  'device-key',
  'link-certificate.json',
  'link-port',
  'push-key',
  'sync-certificate.json',
  join('lan', 'ca-key.pem'),
  join('lan', 'ca.pem'),
]

/** What a file of the data folder is bound to, by its path within it; undefined where it is never sealed. */
export function purposeOf(name: string): string | undefined {
  const parts = name.split('/')
  if (secretNames.includes(join(...parts))) return secretPurpose(name)
  if (name.startsWith('vault/texts/')) return textPurpose(basename(name, '.txt'))
  return noteFolders.includes(parts[0] ?? '') ? notePurpose : undefined
}

/** Notes, and those in the trash. */
const noteFolders = ['notes', 'notes-trash']

interface Target {
  readonly path: string
  readonly purpose: string
}

/**
 * Brings every file of the data folder to what the envelope says, one after the other, each in one step. Broken off,
 * it goes on at the next start: `pending` in the envelope says so, and both forms can be read meanwhile.
 */
export async function convertHome(
  home: string,
  envelope: Envelope,
  key: Uint8Array,
  signal: AbortSignal,
  onProgress: (done: number) => void = () => {},
): Promise<number> {
  let done = 0
  for await (const { path, purpose } of targets(home)) {
    signal.throwIfAborted()
    const wanted = envelope.pending !== 'open' && (purpose !== notePurpose || envelope.notes)
    await convertFile(path, purpose, wanted, key)
    onProgress(++done)
  }
  if (envelope.pending === 'open') await rm(envelopePath(home), { force: true })
  else {
    const { pending: _pending, ...settled } = envelope
    writeEnvelope(home, settled)
  }
  return done
}

async function convertFile(
  path: string,
  purpose: string,
  wanted: boolean,
  key: Uint8Array,
): Promise<void> {
  const bytes = await readFile(path)
  if (isSealed(bytes) === wanted) return
  const { atime, mtime, mode } = await stat(path)
  const temporary = `${path}.${process.pid}.new`
  await writeFile(temporary, wanted ? sealBytes(key, bytes, purpose) : openBytes(key, bytes, purpose), { mode: mode & 0o777, flush: true }) // prettier-ignore
  await utimes(temporary, atime, mtime)
  await rename(temporary, path)
}

async function* targets(home: string): AsyncGenerator<Target> {
  for (const name of secretNames) {
    const path = join(home, name)
    if (await isFile(path)) yield { path, purpose: secretPurpose(path) }
  }
  for await (const path of filesIn(join(home, 'vault', 'texts')))
    if (path.endsWith('.txt')) yield { path, purpose: textPurpose(basename(path, '.txt')) }
  for (const folder of noteFolders)
    for await (const path of filesIn(join(home, folder)))
      if (/\.md$/i.test(path) && !isHidden(relative(home, path)))
        yield { path, purpose: notePurpose }
}

function isHidden(path: string): boolean {
  return path.split(sep).some((part) => part.startsWith('.st'))
}

async function* filesIn(folder: string): AsyncGenerator<string> {
  for (const entry of await readdir(folder, { withFileTypes: true }).catch(() => [])) {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) yield* filesIn(path)
    else if (entry.isFile()) yield path
  }
}

async function isFile(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isFile() ?? false
}
