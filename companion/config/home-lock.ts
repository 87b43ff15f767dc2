import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { SiloError } from '#shared/errors/silo-error.ts'

export interface HomeLock {
  release(): void
}

/**
 * Takes the data folder for this process. The lock is one of the operating system (held by SQLite on an
 * empty file), so that it goes with its process however that ends, and a reused process id cannot look
 * like a live owner.
 * @throws SiloError home_in_use, storage_failed
 */
export function lockHome(home: string): HomeLock {
  const pidPath = join(home, 'companion.pid')
  let database: DatabaseSync | undefined
  try {
    mkdirSync(home, { recursive: true, mode: 0o700 })
    database = new DatabaseSync(join(home, 'companion.lock'))
    database.exec('BEGIN EXCLUSIVE')
    writeFileSync(pidPath, `${process.pid}\n`, { mode: 0o600 })
  } catch (cause) {
    database?.close()
    const busy = cause instanceof Error && /locked|busy/i.test(cause.message)
    if (busy) throw new SiloError('home_in_use', { params: { pid: readPid(pidPath) }, cause })
    throw new SiloError('storage_failed', { cause })
  }
  const held = database
  return {
    release() {
      if (!held.isOpen) return
      rmSync(pidPath, { force: true })
      held.close()
    },
  }
}

function readPid(path: string): string {
  try {
    return readFileSync(path, 'utf8').trim() || '?'
  } catch {
    return '?'
  }
}
