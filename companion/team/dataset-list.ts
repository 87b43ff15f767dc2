import { createHash } from 'node:crypto'
import { createReadStream, readdirSync, readFileSync, renameSync, statSync, writeFileSync, type Dirent, type Stats } from 'node:fs' // prettier-ignore
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { setImmediate as breathe } from 'node:timers/promises'
import * as v from 'valibot'
import { isSignedBy, signAsDevice } from './device-signature.ts'

/** The list lies in the dataset's own folder and travels with it. */
export const listName = 'silo-files.json'
const purpose = 'silo dataset files 1'
const maxFiles = 200_000
const maxListBytes = 48 * 1024 * 1024

const nameSchema = v.pipe(
  v.string(),
  v.maxLength(500),
  v.regex(/^[A-Za-z0-9._-]+(\/[A-Za-z0-9._-]+){0,5}$/),
  v.check((name) => !name.split('/').some((part) => part === '.' || part === '..')),
)
const bodySchema = v.object({
  collectionId: v.string(),
  device: v.string(),
  /** Grows with every list of the dataset. */
  number: v.pipe(v.number(), v.safeInteger(), v.minValue(1)),
  files: v.pipe(
    v.array(
      v.tuple([
        nameSchema,
        v.pipe(v.number(), v.safeInteger(), v.minValue(0)),
        v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/)),
      ]),
    ),
    v.maxLength(maxFiles),
  ),
})

/** Which files a dataset consists of, by the word of the device that writes it. */
export interface DatasetList {
  readonly number: number
  /** By name, `/` between. */
  readonly files: ReadonlyMap<string, { readonly size: number; readonly sha256: string }>
}

export interface DatasetOf {
  readonly collectionId: string
  /** Peer id of the device that writes it. */
  readonly device: string
}

/** Files are small and many: up to this size they are read at once, which is far quicker on a busy machine. */
const smallBytes = 1024 * 1024
/** After so many of them others have a turn. */
export const turnFiles = 32

/** Whether a file makes others visible to readers. */
export const isVersionFile = (name: string): boolean => /(^|\/)_versions\//.test(name)

/**
 * Writes the list of a dataset of this device anew, where anything has changed. What a write that is not finished has
 * left so far is not in it. True when there is a new list.
 * @throws errors of the file system
 */
export async function signDataset(
  folder: string,
  of: DatasetOf,
  keyPem: string,
  signal: AbortSignal,
): Promise<boolean> {
  const before = await readDatasetList(folder, of)
  const found = filesIn(folder)
  const manifests = [...found].filter(([name]) => name.endsWith('.manifest'))
  if (manifests.length === 0) return false
  // A commit ends with its manifest: what is younger than the newest belongs to one that has not ended.
  const ended = Math.max(...manifests.map(([, { mtimeMs }]) => mtimeMs))
  const listedAt = await stat(join(folder, listName)).then(({ mtimeMs }) => mtimeMs, () => 0) // prettier-ignore
  const files: [string, number, string][] = []
  for (const [name, info] of found) {
    if (info.mtimeMs > ended && !isVersionFile(name)) continue
    const known = before?.files.get(name)
    const same = known?.size === info.size && info.mtimeMs < listedAt
    try {
      const sum = same ? known.sha256 : await sha256Of(join(folder, name), info.size, signal)
      files.push([name, info.size, sum])
      if (files.length % turnFiles === 0) await breathe()
    } catch (error) {
      // Cleared away since it was listed.
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    }
  }
  files.sort(([a], [b]) => (a < b ? -1 : 1))
  const unchanged = before?.files.size === files.length && files.every(([name, , sum]) => before.files.get(name)?.sha256 === sum) // prettier-ignore
  if (unchanged) return false
  const number = Math.max(Date.now(), (before?.number ?? 0) + 1)
  const body = Buffer.from(JSON.stringify({ ...of, number, files }))
  const signature = signAsDevice(keyPem, purpose, body)
  // A list that a power cut tears is not believed, and written again at the next start.
  const path = join(folder, listName)
  writeFileSync(`${path}.tmp`, Buffer.concat([Buffer.from(`${signature}\n`), body]), {
    mode: 0o600,
  })
  renameSync(`${path}.tmp`, path)
  return true
}

/** The list as its device signed it; undefined where there is none, or it is another's, or not signed. */
export async function readDatasetList(
  folder: string,
  of: DatasetOf,
): Promise<DatasetList | undefined> {
  try {
    const path = join(folder, listName)
    if ((await stat(path)).size > maxListBytes) return undefined
    const bytes = readFileSync(path)
    const end = bytes.indexOf(10)
    const body = bytes.subarray(end + 1)
    if (end < 0 || !isSignedBy(of.device, purpose, body, bytes.toString('utf8', 0, end))) return undefined // prettier-ignore
    const parsed = v.safeParse(bodySchema, JSON.parse(body.toString('utf8')))
    if (!parsed.success) return undefined
    const { collectionId, device, number, files } = parsed.output
    if (collectionId !== of.collectionId || device !== of.device) return undefined
    return { number, files: new Map(files.map(([name, size, sha256]) => [name, { size, sha256 }])) }
  } catch {
    return undefined
  }
}

/** Whether every file that the list names lies in the folder as it was signed. */
export async function isWholeDataset(
  folder: string,
  of: DatasetOf,
  signal: AbortSignal,
): Promise<boolean> {
  const list = await readDatasetList(folder, of)
  if (!list) return false
  for (const [name, { size, sha256 }] of list.files) {
    const path = join(folder, name)
    const sum = await sha256Of(path, size, signal).catch(() => undefined)
    signal.throwIfAborted()
    if (sum !== sha256) return false
  }
  return true
}

/**
 * Regular files below a folder, by name; scraps and anything hidden are left out, and so is JSON: the list itself, and
 * the hint of the newest version, the one file of a dataset that is written over and that readers can do without.
 */
export function filesIn(folder: string): Map<string, Stats> {
  const files = new Map<string, Stats>()
  for (const entry of entriesOf(folder)) {
    if (!entry.isFile()) continue
    const path = join(entry.parentPath, entry.name)
    const name = path.slice(folder.length + 1).replaceAll('\\', '/')
    const hidden = name.split('/').some((part) => part.startsWith('.'))
    if (hidden || /#\d+$|\.tmp$|\.json$/.test(name) || !v.is(nameSchema, name)) continue
    const info = statSync(path, { throwIfNoEntry: false })
    if (info) files.set(name, info)
  }
  return files
}

export async function sha256Of(path: string, size: number, signal: AbortSignal): Promise<string> {
  const hash = createHash('sha256')
  if (size <= smallBytes) return hash.update(readFileSync(path)).digest('hex')
  await pipeline(createReadStream(path, { highWaterMark: smallBytes, signal }), hash)
  return hash.digest('hex')
}

function entriesOf(folder: string): Dirent[] {
  try {
    return readdirSync(folder, { recursive: true, withFileTypes: true })
  } catch {
    return []
  }
}
