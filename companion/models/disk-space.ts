import { statfs } from 'node:fs/promises'
import { diskFull } from './ranged-download.ts'

/** @throws SiloError disk_full where a folder's disk has less free than `needed` bytes */
export async function requireSpace(directory: string, needed: number): Promise<void> {
  const { bavail, bsize } = await statfs(directory)
  if (bavail * bsize < needed) throw diskFull(needed - bavail * bsize)
}
