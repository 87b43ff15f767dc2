import { createHash } from 'node:crypto'
import { createWriteStream, existsSync } from 'node:fs'
import { mkdir, readFile, readdir, rename, rm } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { JailProcess, type JailCommand } from './jail-process.ts'
import { jailProgram } from './python-command.ts'

/** Making it takes two seconds; a machine that swaps gets more. */
const limitMs = 60_000

/** Where the snapshot for this build of everything lies: Python started, the usual modules imported. */
export async function snapshotPath(
  folder: string,
  pyodide: string,
  runtime: string,
): Promise<string> {
  const hash = createHash('sha256')
  hash.update(await readFile(join(pyodide, 'package.json')))
  hash.update(await readFile(jailProgram))
  hash.update(`${runtime} ${process.versions.v8} ${process.arch}`)
  return join(folder, `python-${runtime}-${hash.digest('hex').slice(0, 16)}.snapshot`)
}

/**
 * Makes the snapshot, in a jail that no foreign code has seen; older ones go.
 * @throws Error when the jail does not start
 */
export async function makeSnapshot(path: string, command: JailCommand): Promise<void> {
  const folder = join(path, '..')
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const partial = `${path}.${process.pid}.partial`
  const file = createWriteStream(partial, { mode: 0o600 })
  const jail = new JailProcess(command)
  const timer = setTimeout(() => jail.kill(), limitMs)
  let whole = false
  try {
    for await (const { header, body } of jail.frames()) {
      if (header.type === 'snapshot') file.write(body)
      if (header.type === 'end') whole = true
    }
    await new Promise<void>((resolve, reject) => {
      file.once('error', reject)
      file.end(() => resolve())
    })
    if (!whole) throw new Error((await jail.exited).stderr.slice(0, 500) || 'no snapshot')
    await rename(partial, path)
  } finally {
    clearTimeout(timer)
    jail.kill()
    await rm(partial, { force: true })
  }
  const [kind] = /^python-[a-z]+-/.exec(basename(path)) ?? ['python-']
  for (const name of await readdir(folder))
    if (name.startsWith(kind) && name.endsWith('.snapshot') && !path.endsWith(name))
      await rm(join(folder, name), { force: true })
}

export function isMade(path: string): boolean {
  return existsSync(path)
}
