import { createHash } from 'node:crypto'
import { constants, type Dirent } from 'node:fs'
import { lstat, open, readdir, readlink, type FileHandle } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import type { FileAccess, FileEntry } from '#shared/contracts/tool.ts'
import { SiloError } from '#shared/errors/silo-error.ts'
import { canonicalPath, namedPath } from './canonical-path.ts'
import type { Policy, TaskUnderPolicy } from './policy.ts'

const pieceBytes = 1 << 20
/** Bytes one `read` returns at most. */
const mostBytes = 64 << 20

/** Files as far as a task's grants reach; each use is checked anew. */
export function createFileAccess(policy: Policy, task: TaskUnderPolicy): FileAccess {
  /** @returns the canonical path @throws SiloError path_refused, approval_denied */
  async function admit(
    named: string,
    access: 'read' | 'write',
    signal: AbortSignal,
  ): Promise<string> {
    signal.throwIfAborted()
    const path = await canonicalPath(namedPath(named))
    await policy.requireOpenPlace(path)
    const capability = access === 'read' ? 'files.read' : 'files.write'
    if (!policy.covers(task, capability, path)) {
      // A folder is asked for, not each file in it.
      const stats = await lstat(path).catch(() => undefined)
      const resource = stats?.isDirectory() ? path : dirname(path)
      await policy.leave(task)({ kind: 'grant', capability, resource, why: '' })
      if (!policy.covers(task, capability, path)) throw new SiloError('grant_missing', { params: { resource: path } }) // prettier-ignore
    }
    return path
  }

  /** Opens a file and makes sure that what was opened is what was checked. */
  async function openChecked(named: string, signal: AbortSignal): Promise<FileHandle> {
    const path = await admit(named, 'read', signal)
    const file = await open(path, constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0)).catch((cause: unknown) => { throw unreadable(path, cause) }) // prettier-ignore
    try {
      const stats = await file.stat({ bigint: true })
      if (!stats.isFile()) throw new SiloError('path_refused', { params: { path, detail: 'not a file' } }) // prettier-ignore
      // A folder above may have been swapped for a link between the check and the opening.
      const real = await openedPath(file, path)
      if (real !== path) throw new SiloError('path_changed', { params: { path } })
      const named = await lstat(path, { bigint: true })
      if (named.ino !== stats.ino || named.dev !== stats.dev) throw new SiloError('path_changed', { params: { path } }) // prettier-ignore
      await policy.requireOpenFile(path, stats)
      return file
    } catch (cause) {
      await file.close()
      throw unreadable(path, cause)
    }
  }

  async function visible(folder: string): Promise<Dirent[]> {
    const entries = await readdir(folder, { withFileTypes: true }).catch((cause: unknown) => {
      throw unreadable(folder, cause)
    })
    return entries
      .filter(
        ({ name, parentPath }) => !name.startsWith('.') && !policy.refused(join(parentPath, name)),
      )
      .sort((a, b) => (a.name < b.name ? -1 : 1))
  }

  async function* walk(folder: string, signal: AbortSignal): AsyncGenerator<FileEntry> {
    for (const found of await visible(folder)) {
      signal.throwIfAborted()
      const path = join(folder, found.name)
      // A link may lead anywhere: it is told of, not followed.
      const known = await entry(path).catch(() => undefined)
      if (!known) continue
      yield known
      if (known.kind === 'folder') yield* walk(path, signal)
    }
  }

  return {
    resolve: admit,
    async place(named, signal) {
      signal.throwIfAborted()
      const path = await canonicalPath(namedPath(named))
      await policy.requireOpenPlace(path)
      const stats = await lstat(path).catch(() => undefined)
      return { path, folder: stats?.isDirectory() ?? false }
    },
    async list(folder, signal) {
      const path = await admit(folder, 'read', signal)
      const found: FileEntry[] = []
      for (const { name } of await visible(path)) {
        signal.throwIfAborted()
        const known = await entry(join(path, name)).catch(() => undefined)
        if (known) found.push(known)
      }
      return found
    },
    async *walk(folder, { limit, signal }) {
      const path = await admit(folder, 'read', signal)
      let left = limit
      for await (const found of walk(path, signal)) {
        if (left-- <= 0) return
        yield found
      }
    },
    async stat(path, signal) {
      return entry(await admit(path, 'read', signal))
    },
    async read(path, { offset = 0, limit }, signal) {
      const file = await openChecked(path, signal)
      try {
        const size = Math.min(limit, mostBytes, Math.max(0, (await file.stat()).size - offset))
        const bytes = new Uint8Array(size)
        let filled = 0
        while (filled < size) {
          signal.throwIfAborted()
          const { bytesRead } = await file.read(bytes, filled, Math.min(pieceBytes, size - filled), offset + filled) // prettier-ignore
          if (bytesRead === 0) break
          filled += bytesRead
        }
        return bytes.subarray(0, filled)
      } finally {
        await file.close()
      }
    },
    async hash(path, signal) {
      const hash = createHash('sha256')
      for await (const piece of pieces(await openChecked(path, signal), signal)) hash.update(piece)
      return hash.digest('hex')
    },
    async copyTo(path, target, signal) {
      const file = await openChecked(path, signal)
      const copy = await open(target, 'wx', 0o600).catch(async (cause: unknown) => {
        await file.close()
        throw new SiloError('storage_failed', { cause })
      })
      try {
        for await (const piece of pieces(file, signal)) await copy.writeFile(piece)
      } catch (cause) {
        if ((cause as NodeJS.ErrnoException).code === 'ENOSPC') throw new SiloError('volume_full', { params: { path: target }, cause }) // prettier-ignore
        throw cause
      } finally {
        await copy.close()
      }
    },
  }
}

async function entry(path: string): Promise<FileEntry> {
  const stats = await lstat(path).catch((cause: unknown) => {
    throw unreadable(path, cause)
  })
  return {
    path,
    name: basename(path),
    kind: stats.isFile() ? 'file' : stats.isDirectory() ? 'folder' : 'other',
    size: stats.size,
    modifiedAt: Math.trunc(stats.mtimeMs),
    createdAt: Math.trunc(stats.birthtimeMs),
  }
}

async function* pieces(file: FileHandle, signal: AbortSignal): AsyncGenerator<Buffer> {
  try {
    for (;;) {
      signal.throwIfAborted()
      const { bytesRead, buffer } = await file.read(Buffer.alloc(pieceBytes), 0, pieceBytes)
      if (bytesRead === 0) return
      yield buffer.subarray(0, bytesRead)
    }
  } finally {
    await file.close()
  }
}

/** Where an open file lies now, by the system's own account; the path again where it gives none. */
async function openedPath(file: FileHandle, path: string): Promise<string> {
  if (process.platform === 'linux') return readlink(`/proc/self/fd/${file.fd}`)
  return canonicalPath(path)
}

function unreadable(path: string, cause: unknown): SiloError {
  if (cause instanceof SiloError) return cause
  const code = (cause as NodeJS.ErrnoException | undefined)?.code
  if (code === 'ENOENT' || code === 'ENOTDIR') return new SiloError('path_not_found', { params: { path }, cause }) // prettier-ignore
  if (code === 'ELOOP') return new SiloError('path_refused', { params: { path, detail: 'link' }, cause }) // prettier-ignore
  return new SiloError('path_denied', { params: { path }, cause })
}
