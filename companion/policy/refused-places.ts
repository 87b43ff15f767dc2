import { homedir } from 'node:os'
import { posix, win32 } from 'node:path'

/** Why a place is never read or changed by an agent, whatever is granted. */
export type Refusal = 'system' | 'secrets' | 'silo'

/** The computer whose paths are judged. */
export interface System {
  readonly platform: NodeJS.Platform
  readonly home: string
}
const here: System = { platform: process.platform, home: homedir() }

interface Place {
  /** Absolute, or below the home folder. */
  readonly path: string
  readonly why: Refusal
  readonly inHome?: true
  readonly on?: readonly NodeJS.Platform[]
}

/** Folders and files, each with everything below it. Compared without case: a name that differs only so may be the same file. */
const places: readonly Place[] = [
  ...['/bin', '/boot', '/dev', '/etc', '/lib', '/lib32', '/lib64', '/libx32', '/proc', '/root', '/run', '/sbin', '/sys', '/usr', '/var/lib', '/var/log', '/var/run', '/var/spool', '/snap'].map((path) => ({ path, why: 'system' as const, on: ['linux'] as const })),
  ...['/System', '/Library', '/bin', '/sbin', '/usr', '/etc', '/private/etc', '/private/var/db', '/private/var/root', '/dev', '/cores'].map((path) => ({ path, why: 'system' as const, on: ['darwin'] as const })),
  ...['C:\\Windows', 'C:\\Program Files', 'C:\\Program Files (x86)', 'C:\\ProgramData', 'C:\\$Recycle.Bin', 'C:\\System Volume Information'].map((path) => ({ path, why: 'system' as const, on: ['win32'] as const })),
  ...['.ssh', '.gnupg', '.aws', '.azure', '.kube', '.docker', '.password-store', '.pki', '.netrc', '.pgpass', '.npmrc', '.pypirc', '.git-credentials', '.vault-token', '.bash_history', '.zsh_history', '.config/gcloud', '.config/gh', '.config/git/credentials', '.config/op', '.config/Bitwarden', '.config/keepassxc', '.config/google-chrome', '.config/chromium', '.config/BraveSoftware', '.config/microsoft-edge', '.config/rclone', '.local/share/keyrings', '.local/share/kwalletd', '.mozilla', '.thunderbird', 'snap/firefox', 'snap/chromium'].map((name) => ({ path: name, why: 'secrets' as const, inHome: true as const })),
  ...['Library/Keychains', 'Library/Application Support/Google/Chrome', 'Library/Application Support/Firefox', 'Library/Application Support/BraveSoftware', 'Library/Safari', 'Library/Cookies', 'Library/Mail', 'Library/Messages'].map((name) => ({ path: name, why: 'secrets' as const, inHome: true as const, on: ['darwin'] as const })),
  ...['AppData/Local/Google/Chrome', 'AppData/Local/Microsoft/Edge', 'AppData/Roaming/Mozilla', 'AppData/Local/Microsoft/Credentials', 'AppData/Roaming/Microsoft/Credentials', 'AppData/Roaming/Microsoft/Protect'].map((name) => ({ path: name, why: 'secrets' as const, inHome: true as const, on: ['win32'] as const })),
] // prettier-ignore

/** Files that hold keys and passwords, wherever they lie. */
const secretNames = [
  /^\.env(\..+)?$/i,
  /^id_(rsa|dsa|ecdsa|ed25519)(\.pub)?$/i,
  /\.(pem|key|p12|pfx|jks|keystore|kdbx?|ppk|ovpn|agekey)$/i,
  /^(credentials|secrets?)(\.(json|ya?ml|toml|ini))?$/i,
  /^(\.htpasswd|\.netrc|\.pgpass|\.git-credentials|shadow|login\.keychain(-db)?|wallet\.dat)$/i,
]

/**
 * Why a canonical path is refused; undefined where it is not. `own` are Silo's own folders. A file that holds secrets may
 * be listed by its name, but is not opened, moved or written.
 */
export function refusalOf(
  canonical: string,
  own: readonly string[],
  system: System = here,
): Refusal | undefined {
  const { sep, basename } = pathsOf(system)
  const path = folded(canonical)
  const isBelow = (at: string, root: string): boolean =>
    at === root || at.startsWith(root.endsWith(sep) ? root : root + sep)
  if (own.some((place) => isBelow(path, folded(place)))) return 'silo'
  const home = folded(system.home)
  const hit = placesOf(system).find(({ root }) => {
    // Where the home folder is itself in a system place (root's), what is below it is judged by the other rules.
    return isBelow(path, root) && !(isBelow(home, root) && path !== home && isBelow(path, home))
  })
  if (hit) return hit.why
  const names = [basename(canonical), basename(path)]
  if (names.some((name) => secretNames.some((pattern) => pattern.test(name)))) return 'secrets'
  return undefined
}

/** The places that hold secrets on this computer, and the system's accounts: what a second name must not lead to. */
export function secretPlaces(system: System = here): string[] {
  const secret = placesOf(system).filter(({ why }) => why === 'secrets')
  return [...secret.map(({ path }) => path), ...(system.platform === 'win32' ? [] : ['/etc'])]
}

interface ToRefuse {
  readonly path: string
  /** The same, folded. */
  readonly root: string
  readonly why: Refusal
}
const known = new WeakMap<System, readonly ToRefuse[]>()

function placesOf(system: System): readonly ToRefuse[] {
  const before = known.get(system)
  if (before) return before
  const { join } = pathsOf(system)
  const found = places
    .filter(({ on }) => !on || on.includes(system.platform))
    .map(({ path, why, inHome }) => {
      const full = inHome ? join(system.home, ...path.split('/')) : path
      return { path: full, root: folded(full), why }
    })
  known.set(system, found)
  return found
}

function pathsOf({ platform }: System): typeof posix {
  return platform === 'win32' ? win32 : posix
}

/**
 * As the most forgiving file system would compare it: without case, with names of one look made one, without what some
 * systems leave out of names (invisible characters, dots and spaces at the end, streams after a colon). For refusing only.
 */
export function folded(path: string): string {
  return path
    .normalize('NFKC')
    .replace(/\p{Default_Ignorable_Code_Point}/gu, '')
    .toUpperCase()
    .toLowerCase()
    .split(/(?<=[/\\])|(?=[/\\])/)
    .map((part, index) => (/^(\.{1,2}|[/\\])$/.test(part) ? part : plainName(part, index === 0)))
    .join('')
}

function plainName(part: string, first: boolean): string {
  const stream = part.indexOf(':', first ? 2 : 0)
  return (stream > 0 ? part.slice(0, stream) : part).replace(/[. ]+$/, '')
}
