import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'

/** What the files below a folder take, bytes; 0 where there is none. Files that go meanwhile do not count. */
export async function folderBytes(folder: string): Promise<number> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => [])
  let bytes = 0
  for (const entry of entries) {
    if (!entry.isFile()) continue
    const info = await stat(join(entry.parentPath, entry.name)).catch(() => undefined)
    bytes += info?.size ?? 0
  }
  return bytes
}
