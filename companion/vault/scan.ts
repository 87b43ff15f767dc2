import { lstat, readFile, readdir, realpath } from 'node:fs/promises'
import { basename, dirname, join, relative, sep } from 'node:path'
import ignore, { type Ignore } from 'ignore'
import { SiloError } from '#shared/errors/silo-error.ts'
import { pathError } from './extract-file.ts'
import { formatOf } from './extract/formats.ts'

export interface FoundFile {
  readonly path: string
  readonly size: number
  /** Ms since 1970. */
  readonly modifiedAt: number
}

export interface ScanProblem {
  readonly path: string
  readonly error: SiloError
}

const skippedFolders = new Set([
  'node_modules',
  '__pycache__',
  'venv',
  '$RECYCLE.BIN',
  'System Volume Information',
])
const secret = /^(\.env.*|id_(rsa|dsa|ecdsa|ed25519).*|.*\.(pem|key|p12|pfx|kdbx|keystore|jks))$/i
/** Office lock files and editors' leftovers. */
const scrap = /^(~\$|\.~lock)|~$|\.(tmp|swp|part|crdownload)$/i

/**
 * Finds the documents under a root. Hidden, secret and ignored (.gitignore) files are passed over; links are
 * not followed, so a scan never leaves its root. Files of an unread kind and folders without permission are problems.
 * @throws SiloError path_not_found, path_denied for the root itself; the signal's reason
 */
export async function scanRoot(
  root: string,
  signal: AbortSignal,
  onFound: (count: number) => void = () => {},
): Promise<{ files: FoundFile[]; problems: ScanProblem[] }> {
  const files: FoundFile[] = []
  const problems: ScanProblem[] = []
  const top = await realpath(root).catch((cause: unknown) => {
    throw pathError(root, cause)
  })
  const add = async (path: string) => {
    const stats = await lstat(path)
    if (!stats.isFile()) return
    if (!formatOf(basename(path))) problems.push({ path, error: new SiloError('file_unsupported') })
    else files.push({ path, size: stats.size, modifiedAt: Math.round(stats.mtimeMs) })
    onFound(files.length)
  }
  const visit = async (folder: string, rules: readonly { base: string; rule: Ignore }[]) => {
    signal.throwIfAborted()
    const entries = await readdir(folder, { withFileTypes: true })
    const own = entries.some((entry) => entry.name === '.gitignore' && entry.isFile())
      ? await readFile(join(folder, '.gitignore'), 'utf8').catch(() => '')
      : ''
    const active = own ? [...rules, { base: folder, rule: ignore().add(own) }] : rules
    for (const entry of entries.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
      const path = join(folder, entry.name)
      if (entry.name.startsWith('.') || secret.test(entry.name) || scrap.test(entry.name)) continue
      if (isIgnored(path, entry.isDirectory(), active)) continue
      try {
        if (entry.isDirectory()) {
          if (!skippedFolders.has(entry.name)) await visit(path, active)
        } else await add(path)
      } catch (error) {
        if (signal.aborted) throw signal.reason
        problems.push({ path, error: pathError(path, error) })
      }
    }
  }
  try {
    if ((await lstat(top)).isDirectory()) await visit(top, [])
    else if (!secret.test(basename(top))) await add(top)
  } catch (error) {
    if (signal.aborted) throw signal.reason
    throw pathError(dirname(top) === top ? top : root, error)
  }
  return { files, problems }
}

function isIgnored(
  path: string,
  folder: boolean,
  rules: readonly { base: string; rule: Ignore }[],
): boolean {
  return rules.some(({ base, rule }) => {
    const inside = relative(base, path).split(sep).join('/')
    return rule.ignores(folder ? `${inside}/` : inside)
  })
}
