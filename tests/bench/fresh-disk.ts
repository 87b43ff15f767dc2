import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface FreshDisk extends Disposable {
  readonly path: string
  /** False where this system gives none: then it is a folder for temporary files like any other. */
  readonly isFresh: boolean
}

const GiB = 1024 ** 3

const run = (command: string, ...args: string[]) => execFileSync(command, args, { stdio: 'pipe' })

/**
 * A file system with nothing in it, of `gib` GiB that are taken as they are used. On one where much was deleted within
 * the last minutes ext4 looks long for room for each new file, and that would be measured. Needs Linux and root.
 */
export function createFreshDisk(gib: number): FreshDisk {
  const folder = mkdtempSync(join(tmpdir(), 'silo-disk-'))
  const path = join(folder, 'disk')
  const image = join(folder, 'image')
  mkdirSync(path)
  let isFresh = true
  let device: string | undefined
  try {
    writeFileSync(image, '')
    truncateSync(image, gib * GiB)
    run('mkfs.ext4', '-q', '-F', image)
    // Past the cache: what is written would be copied and flushed twice.
    device = run('losetup', '--find', '--show', '--direct-io=on', image).toString().trim()
    run('mount', device, path)
  } catch (error) {
    isFresh = false
    console.warn('No file system of its own here.', String(error).split('\n')[0])
  }
  return {
    path,
    isFresh,
    [Symbol.dispose]() {
      // Lazily: what still ends there is no reason to keep it.
      if (isFresh) run('umount', '-l', path)
      if (device) run('losetup', '--detach', device)
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
