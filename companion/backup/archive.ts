import { createHash } from 'node:crypto'
import { createReadStream, createWriteStream } from 'node:fs'
import { open, rename, rm } from 'node:fs/promises'
import { Readable, Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGunzip, createGzip } from 'node:zlib'
import { Decrypter, Encrypter } from 'age-encryption'
import { extract, pack, type Pack } from 'tar-stream'
import * as v from 'valibot'
import { SiloError } from '#shared/errors/silo-error.ts'
import type { Content } from './contents.ts'

/** Larger files are streamed; sealed ones never are that large. */
const wholeBytes = 16 * 1024 * 1024
const manifestName = 'manifest.json'
const maxManifestBytes = 256 * 1024 * 1024

const entrySchema = v.object({ name: v.string(), size: v.number(), sha256: v.string() })
/** The last entry of a backup: without it the backup is cut short. */
export const manifestSchema = v.object({
  version: v.literal(1),
  companionId: v.string(),
  /** Ms since 1970. */
  createdAt: v.number(),
  files: v.array(entrySchema),
})
export type Manifest = v.InferOutput<typeof manifestSchema>
export type ManifestEntry = v.InferOutput<typeof entrySchema>

export interface WriteArchive {
  readonly path: string
  readonly passphrase: string
  readonly companionId: string
  readonly contents: AsyncIterable<Content>
  /** Takes the encryption at rest off: a backup has its own. */
  readonly open: (name: string, bytes: Uint8Array) => Uint8Array
  /** log2 of scrypt's cost; 18 unless told. */
  readonly workFactor?: number
  readonly onFile?: (done: number, name: string) => void
}

/**
 * Writes a gzipped tar file under age encryption; the file is complete or absent.
 * @throws SiloError file_changed, disk_full; the signal's reason
 */
export async function writeArchive(init: WriteArchive, signal: AbortSignal): Promise<Manifest> {
  const temporary = `${init.path}.part`
  const encrypter = new Encrypter()
  if (init.workFactor) encrypter.setScryptWorkFactor(init.workFactor)
  encrypter.setPassphrase(init.passphrase)
  const tar = pack()
  const gzip = createGzip({ level: 4 })
  // Whoever waits for them is told by the work below.
  tar.on('error', () => {})
  gzip.on('error', () => {})
  const files: ManifestEntry[] = []
  const createdAt = Date.now()
  const fill = async (): Promise<Manifest> => {
    for await (const content of init.contents) {
      signal.throwIfAborted()
      const entry = await add(tar, content, init.open, signal)
      if (entry) init.onFile?.(files.push(entry), entry.name)
    }
    const manifest = { version: 1 as const, companionId: init.companionId, createdAt, files }
    await addBytes(tar, manifestName, Buffer.from(JSON.stringify(manifest)))
    tar.finalize()
    return manifest
  }
  try {
    const plain = Readable.toWeb(tar.pipe(gzip)) as ReadableStream<Uint8Array>
    const encrypted = await encrypter.encrypt(plain)
    const file = createWriteStream(temporary, { mode: 0o600, flush: true })
    const written = pipeline(Readable.fromWeb(encrypted as never), file, { signal })
    written.catch((cause: unknown) => tar.destroy(cause as Error))
    // A broken file must end the filling too, which waits for room.
    const [manifest] = await Promise.all([
      Promise.race([fill(), written.then(() => new Promise<never>(() => {}))]),
      written,
    ])
    await rename(temporary, init.path)
    return manifest
  } catch (cause) {
    tar.destroy()
    await rm(temporary, { force: true })
    if ((cause as NodeJS.ErrnoException).code === 'ENOSPC') throw new SiloError('disk_full', { params: { missing: '?' }, cause }) // prettier-ignore
    throw cause
  }
}

async function add(
  tar: Pack,
  content: Content,
  unseal: WriteArchive['open'],
  signal: AbortSignal,
): Promise<ManifestEntry | undefined> {
  const { name, path } = content
  if (path === undefined) return addBytes(tar, name, content.bytes!)
  const handle = await open(path).catch((error: NodeJS.ErrnoException) => {
    // Gone since it was listed: a reader of the snapshot does not need it.
    if (error.code === 'ENOENT') return undefined
    throw error
  })
  if (!handle) return undefined
  try {
    const { size } = await handle.stat()
    if (size <= wholeBytes) return await addBytes(tar, name, unseal(name, await handle.readFile()))
    const hash = createHash('sha256')
    const entry = tar.entry({ name, size, mode: 0o600 })
    const source = createReadStream(path, { end: size - 1, highWaterMark: 1 << 20 })
    source.on('data', (part) => hash.update(part))
    await pipeline(source, entry as unknown as Writable, { signal }).catch((cause: unknown) => {
      signal.throwIfAborted()
      throw new SiloError('file_changed', { cause })
    })
    return { name, size, sha256: hash.digest('hex') }
  } finally {
    await handle.close()
  }
}

async function addBytes(tar: Pack, name: string, bytes: Uint8Array): Promise<ManifestEntry> {
  const sha256 = createHash('sha256').update(bytes).digest('hex')
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  tar.once('error', reject)
  tar.entry({ name, mode: 0o600 }, Buffer.from(bytes), (error) =>
    error ? reject(error) : resolve(),
  )
  await promise.finally(() => tar.off('error', reject))
  return { name, size: bytes.byteLength, sha256 }
}

/**
 * Reads a backup to its end. `write` gets a place for each file, or undefined to only compare it.
 * @throws SiloError passphrase_wrong, backup_damaged, path_not_found; the signal's reason
 */
export async function readArchive(
  path: string,
  passphrase: string,
  write: (name: string) => Promise<Writable | undefined>,
  signal: AbortSignal,
  onFile: (done: number, name: string) => void = () => {},
): Promise<Manifest> {
  const decrypter = new Decrypter()
  decrypter.addPassphrase(passphrase)
  const handle = await open(path).catch((cause: unknown) => {
    throw new SiloError('path_not_found', { params: { path }, cause })
  })
  const seen = new Map<string, ManifestEntry>()
  let manifest: Manifest | undefined
  try {
    const file = Readable.toWeb(handle.createReadStream({ autoClose: false }))
    const plain = await decrypter.decrypt(file as ReadableStream<Uint8Array>).catch(refuse)
    const entries = extract()
    const flowing = pipeline(Readable.fromWeb(plain as never), createGunzip(), entries, { signal })
    flowing.catch((cause: unknown) => entries.destroy(cause as Error))
    for await (const entry of entries) {
      const { name, type } = entry.header
      if (manifest || type !== 'file' || !isSafeName(name) || seen.has(name))
        throw damaged(`entry ${name.slice(0, 80)}`)
      if (name === manifestName)
        manifest = v.parse(manifestSchema, JSON.parse(await textOf(entry as AsyncIterable<Buffer>)))
      else {
        const hash = createHash('sha256')
        let size = 0
        const measure = async function* (parts: AsyncIterable<Buffer>) {
          for await (const part of parts) {
            hash.update(part)
            size += part.byteLength
            yield part
          }
        }
        const place = await write(name)
        await pipeline(entry, measure, place ?? nowhere(), { signal })
        onFile(seen.set(name, { name, size, sha256: hash.digest('hex') }).size, name)
      }
    }
    await flowing
  } catch (cause) {
    signal.throwIfAborted()
    throw cause instanceof SiloError ? cause : damaged(cause instanceof Error ? cause.message : '?', cause) // prettier-ignore
  } finally {
    await handle.close()
  }
  if (!manifest) throw damaged('cut short')
  for (const { name, size, sha256 } of manifest.files) {
    const found = seen.get(name)
    if (found?.size !== size || found.sha256 !== sha256) throw damaged(name)
  }
  if (seen.size !== manifest.files.length) throw damaged('unlisted files')
  return manifest
}

/** Names come from a file: nothing may be written outside the folder. */
function isSafeName(name: string): boolean {
  const parts = name.split('/')
  return (
    name.length > 0 &&
    !/[\0\\:]/.test(name) &&
    !name.startsWith('/') &&
    parts.every((part) => part !== '' && part !== '.' && part !== '..')
  )
}

async function textOf(entry: AsyncIterable<Buffer>): Promise<string> {
  const parts: Buffer[] = []
  let size = 0
  for await (const part of entry) {
    size += part.byteLength
    if (size > maxManifestBytes) throw damaged('manifest')
    parts.push(part)
  }
  return Buffer.concat(parts).toString('utf8')
}

function refuse(cause: unknown): never {
  const text = cause instanceof Error ? cause.message : ''
  throw /no identity matched|passphrase|incorrect/i.test(text)
    ? new SiloError('passphrase_wrong', { cause })
    : damaged(text, cause)
}

const nowhere = (): Writable => new Writable({ write: (_part, _encoding, done) => done() })

function damaged(detail: string, cause?: unknown): SiloError {
  return new SiloError('backup_damaged', { params: { detail: detail.slice(0, 120) }, ...(cause === undefined ? {} : { cause }) }) // prettier-ignore
}
