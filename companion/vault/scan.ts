import { lstat, readFile, readdir, realpath, stat } from 'node:fs/promises'
import { basename, dirname, join, relative, sep } from 'node:path'
import ignore, { type Ignore } from 'ignore'
import { SiloError } from '#shared/errors/silo-error.ts'
import { formatOf } from './extract/formats.ts'
import { pathProblem } from './path-problem.ts'

export interface FoundFile {
  readonly path: string
  readonly size: number
  /** Ms since 1970. */
  readonly modifiedAt: number
  /** Number of the file on its disk; '' where there is none. It goes along when a file is renamed. */
  readonly inode: string
}

export interface ScanProblem {
  readonly path: string
  readonly error: SiloError
  /** Passed over on purpose; nothing went wrong. */
  readonly skipped?: true
}

export interface Scan {
  /** The root with links resolved. */
  readonly top: string
  /** Which folder of which disk it is. */
  readonly place: string
  readonly files: FoundFile[]
  readonly problems: ScanProblem[]
  /** Files and folders that could not be looked at: nothing is known of what is in them. */
  readonly unseen: string[]
  /** Nothing at all is in the root. */
  readonly empty: boolean
}

const skippedFolders = new Set([
  'node_modules',
  '__pycache__',
  'venv',
  '$RECYCLE.BIN',
  'System Volume Information',
])
const secret = /^(\.env.*|id_(rsa|dsa|ecdsa|ed25519).*|.*\.(pem|key|p12|pfx|kdbx|keystore|jks|gpg|asc|ppk)|\.(netrc|pgpass|npmrc|htpasswd)|credentials(\.json)?)$/i // prettier-ignore
/** Office lock files and editors' leftovers. */
const scrap = /^(~\$|\.~lock)|~$|\.(tmp|swp|part|crdownload)$/i

type Rules = readonly { base: string; rule: Ignore }[]

/**
 * Finds the documents under a root. Hidden and ignored (.gitignore) files are passed over silently, secret ones and
 * links with the reason; links are not followed, so a scan never leaves its root and never turns in a circle. Files
 * of an unread kind and folders without permission are problems.
 * @param only look at these files and folders below the root and no others
 * @throws SiloError path_not_found, path_denied, path_loop, path_too_long for the root itself; the signal's reason
 */
export async function scanRoot(
  root: string,
  signal: AbortSignal,
  onFound: (count: number) => void = () => {},
  only?: readonly string[],
): Promise<Scan> {
  const files: FoundFile[] = []
  const problems: ScanProblem[] = []
  const unseen: string[] = []
  const top = await realpath(root).catch((cause: unknown) => {
    throw pathProblem(root, cause)
  })
  const skip = (path: string, code: 'file_secret' | 'file_link'): void => {
    problems.push({ path, error: new SiloError(code), skipped: true })
  }
  const failed = (path: string, cause: unknown): void => {
    if (signal.aborted) throw signal.reason
    // Gone between the look at the folder and the look at the file.
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return
    unseen.push(path)
    problems.push({ path, error: pathProblem(path, cause) })
  }
  const add = async (path: string): Promise<void> => {
    const stats = await lstat(path, { bigint: true })
    if (!stats.isFile()) return
    if (!formatOf(basename(path))) problems.push({ path, error: new SiloError('file_unsupported') })
    else
      files.push({
        path,
        size: Number(stats.size),
        modifiedAt: Math.round(Number(stats.mtimeNs) / 1e6),
        inode: stats.ino > 0n ? String(stats.ino) : '',
      })
    onFound(files.length)
  }
  /** Whether an entry is looked at; says why where a person would wonder. */
  const wanted = (path: string, kind: 'folder' | 'file' | 'link', rules: Rules): boolean => {
    const name = basename(path)
    if (kind !== 'folder' && secret.test(name)) {
      skip(path, 'file_secret')
      return false
    }
    if (name.startsWith('.') || scrap.test(name)) return false
    if (kind === 'folder' && skippedFolders.has(name)) return false
    if (isIgnored(path, kind === 'folder', rules)) return false
    if (kind === 'link') skip(path, 'file_link')
    return kind !== 'link'
  }
  const visit = async (folder: string, rules: Rules): Promise<number> => {
    signal.throwIfAborted()
    const entries = await readdir(folder, { withFileTypes: true })
    const active = await withRules(folder, rules, entries.some(({ name }) => name === '.gitignore')) // prettier-ignore
    for (const entry of entries.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
      const path = join(folder, entry.name)
      const kind = entry.isDirectory() ? 'folder' : entry.isSymbolicLink() ? 'link' : 'file'
      try {
        if (!wanted(path, kind, active)) continue
        if (kind === 'folder') await visit(path, active)
        else await add(path)
      } catch (error) {
        failed(path, error)
      }
    }
    return entries.length
  }
  /** One file or folder below the root: found only if the way down to it is not passed over either. */
  const visitOnly = async (target: string): Promise<void> => {
    const parts = relative(top, target).split(sep)
    if (parts[0] === '..') return
    let rules: Rules = await withRules(top, [], true)
    let path = top
    for (const [index, part] of parts.entries()) {
      if (part === '') return void (await visit(top, []))
      path = join(path, part)
      const stats = await lstat(path)
      const kind = stats.isDirectory() ? 'folder' : stats.isSymbolicLink() ? 'link' : 'file'
      if (!wanted(path, kind, rules)) return
      if (index < parts.length - 1) {
        if (kind !== 'folder') return
        rules = await withRules(path, rules, true)
      } else await (kind === 'folder' ? visit(path, rules) : add(path))
    }
  }
  try {
    const stats = await stat(top, { bigint: true })
    const place = `${stats.dev}:${stats.ino}`
    let entries = 1
    if (!stats.isDirectory()) {
      if (secret.test(basename(top))) skip(top, 'file_secret')
      else await add(top)
    } else if (only === undefined) entries = await visit(top, [])
    else
      for (const target of only)
        await visitOnly(target).catch((error: unknown) => failed(target, error))
    return { top, place, files, problems, unseen, empty: entries === 0 }
  } catch (error) {
    if (signal.aborted) throw signal.reason
    throw pathProblem(dirname(top) === top ? top : root, error)
  }
}

/** Whether a scan passes over an entry of this name whatever it is, so that nothing of it need be watched. */
export function isPassedOver(name: string): boolean {
  return (
    (name.startsWith('.') && name !== '.gitignore') || skippedFolders.has(name) || scrap.test(name)
  )
}

/** Whether `path` is `folder` or lies below it. */
export function isWithin(path: string, folder: string): boolean {
  return path === folder || path.startsWith(folder.endsWith(sep) ? folder : folder + sep)
}

async function withRules(folder: string, rules: Rules, mayHave: boolean): Promise<Rules> {
  if (!mayHave) return rules
  const own = await readFile(join(folder, '.gitignore'), 'utf8').catch(() => '')
  return own ? [...rules, { base: folder, rule: ignore().add(own) }] : rules
}

function isIgnored(path: string, folder: boolean, rules: Rules): boolean {
  return rules.some(({ base, rule }) => {
    const inside = relative(base, path).split(sep).join('/')
    return rule.ignores(folder ? `${inside}/` : inside)
  })
}
