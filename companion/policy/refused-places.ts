import { homedir, platform } from 'node:os'
import { basename, join, sep } from 'node:path'

/** Why a place is never read or changed by an agent, whatever is granted. */
export type Refusal = 'system' | 'secrets' | 'silo'

interface Place {
  readonly path: string
  readonly why: Refusal
  readonly on?: readonly NodeJS.Platform[]
}

const home = homedir()
const inHome = (...parts: string[]): string => join(home, ...parts)

/** Folders and files, each with everything below it. Compared without case: a name that differs only so may be the same file. */
const places: readonly Place[] = [
  ...['/bin', '/boot', '/dev', '/etc', '/lib', '/lib32', '/lib64', '/libx32', '/proc', '/root', '/run', '/sbin', '/sys', '/usr', '/var/lib', '/var/log', '/var/run', '/var/spool', '/snap'].map((path) => ({ path, why: 'system' as const, on: ['linux'] as const })),
  ...['/System', '/Library', '/bin', '/sbin', '/usr', '/etc', '/private/etc', '/private/var/db', '/private/var/root', '/dev', '/cores'].map((path) => ({ path, why: 'system' as const, on: ['darwin'] as const })),
  ...['C:\\Windows', 'C:\\Program Files', 'C:\\Program Files (x86)', 'C:\\ProgramData', 'C:\\$Recycle.Bin', 'C:\\System Volume Information'].map((path) => ({ path, why: 'system' as const, on: ['win32'] as const })),
  ...['.ssh', '.gnupg', '.aws', '.azure', '.kube', '.docker', '.password-store', '.pki', '.netrc', '.pgpass', '.npmrc', '.pypirc', '.git-credentials', '.vault-token', '.bash_history', '.zsh_history', '.config/gcloud', '.config/gh', '.config/git/credentials', '.config/op', '.config/Bitwarden', '.config/keepassxc', '.config/google-chrome', '.config/chromium', '.config/BraveSoftware', '.config/microsoft-edge', '.config/rclone', '.local/share/keyrings', '.local/share/kwalletd', '.mozilla', '.thunderbird', 'snap/firefox', 'snap/chromium'].map((name) => ({ path: inHome(name), why: 'secrets' as const })),
  ...['Library/Keychains', 'Library/Application Support/Google/Chrome', 'Library/Application Support/Firefox', 'Library/Application Support/BraveSoftware', 'Library/Safari', 'Library/Cookies', 'Library/Mail', 'Library/Messages'].map((name) => ({ path: inHome(name), why: 'secrets' as const, on: ['darwin'] as const })),
  ...['AppData/Local/Google/Chrome', 'AppData/Local/Microsoft/Edge', 'AppData/Roaming/Mozilla', 'AppData/Local/Microsoft/Credentials', 'AppData/Roaming/Microsoft/Credentials', 'AppData/Roaming/Microsoft/Protect'].map((name) => ({ path: inHome(...name.split('/')), why: 'secrets' as const, on: ['win32'] as const })),
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
export function refusalOf(canonical: string, own: readonly string[]): Refusal | undefined {
  const path = folded(canonical)
  const within = (place: string): boolean => {
    const root = folded(place)
    return path === root || path.startsWith(root.endsWith(sep) ? root : root + sep)
  }
  if (own.some(within)) return 'silo'
  // Where the home folder is itself in a system place (root's), what is below it is judged by the other rules.
  const hit = places.find(
    ({ path: place, on }) =>
      (!on || on.includes(platform())) && !(folded(home).startsWith(folded(place)) && path.startsWith(folded(home) + sep)) && within(place), // prettier-ignore
  )
  if (hit) return hit.why
  if (secretNames.some((pattern) => pattern.test(basename(canonical)))) return 'secrets'
  return undefined
}

/** As file systems that ignore case and normalise names would compare it. */
export function folded(path: string): string {
  return path.normalize('NFC').toLowerCase()
}
