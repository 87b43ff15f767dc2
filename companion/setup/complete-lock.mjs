/**
 * Completes package-lock.json for other platforms: `node companion/setup/complete-lock.mjs`, after a change of
 * dependencies. A lock written against a registry or mirror that lacks the packages of other systems leaves
 * them out; `npm ci` then fails everywhere and a Mac would get no native parts (npm/cli#4828). Every optional
 * dependency with an exact version that is missing gets an entry with the platform its name tells.
 */
import { readFileSync, writeFileSync } from 'node:fs'

const path = new URL('../../package-lock.json', import.meta.url)
const lock = JSON.parse(readFileSync(path, 'utf8'))
const systems = {
  aix: 'aix',
  android: 'android',
  darwin: 'darwin',
  freebsd: 'freebsd',
  linux: 'linux',
  mac: 'darwin',
  netbsd: 'netbsd',
  openbsd: 'openbsd',
  openharmony: 'openharmony',
  sunos: 'sunos',
  win: 'win32',
  win32: 'win32',
}
const processors = {
  arm: 'arm',
  arm64: 'arm64',
  armv7l: 'arm',
  ia32: 'ia32',
  loong64: 'loong64',
  mips64el: 'mips64el',
  ppc64: 'ppc64',
  ppc64le: 'ppc64',
  riscv64: 'riscv64',
  s390x: 's390x',
  x64: 'x64',
}

/** `os`, `cpu` and `libc` as the package's own manifest has them, read from its name. */
function platformOf(name) {
  const words = name.replace(/^.*\//, '').split('-')
  const find = (table) => words.map((word) => table[word]).find(Boolean)
  const os = name.endsWith('fsevents') ? 'darwin' : find(systems)
  const libc = words.some((word) => word.startsWith('musl'))
    ? 'musl'
    : words.some((word) => word.startsWith('gnu')) && os === 'linux'
      ? 'glibc'
      : undefined
  return { os, cpu: find(processors), libc }
}

/** Where npm would look for `name` from the package at `at`. */
function resolves(at, name) {
  for (let base = at; ;) {
    if (lock.packages[`${base ? `${base}/` : ''}node_modules/${name}`]) return true
    if (!base) return false
    const cut = base.lastIndexOf('/node_modules/')
    base = cut < 0 ? '' : base.slice(0, cut)
  }
}

let added = 0
for (const [at, entry] of Object.entries(lock.packages)) {
  for (const [name, version] of Object.entries(entry.optionalDependencies ?? {})) {
    if (resolves(at, name)) continue
    const { os, cpu, libc } = platformOf(name)
    if (!os || !/^\d/.test(version)) {
      console.error(`left out: ${name}@${version} (wanted by ${at || 'the project'})`)
      continue
    }
    lock.packages[`node_modules/${name}`] = {
      version,
      ...(cpu ? { cpu: [cpu] } : {}),
      ...(entry.dev ? { dev: true } : {}),
      ...(libc ? { libc: [libc] } : {}),
      optional: true,
      os: [os],
    }
    added++
  }
}
const [root, ...others] = Object.entries(lock.packages)
others.sort(([a], [b]) => a.localeCompare(b, 'en'))
lock.packages = Object.fromEntries([root, ...others])
for (const entry of Object.values(lock.packages))
  if (/^https?:/.test(entry.resolved ?? '')) delete entry.resolved
writeFileSync(path, `${JSON.stringify(lock, null, 2)}\n`)
console.log(`${added} entries added`)
