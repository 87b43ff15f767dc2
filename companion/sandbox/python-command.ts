import { lstatSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { libraries, namespaces } from '#companion/process/bubblewrap.ts'
import type { JailCommand } from './jail-process.ts'
import type { Limits } from './limits.ts'
import type { Machine } from './machine.ts'

const mebi = 1024 * 1024
export const jailProgram = fileURLToPath(new URL('jail/python-jail.ts', import.meta.url))
const keeperProgram = fileURLToPath(new URL('jail/keeper.ts', import.meta.url))
/** JavaScript's own objects; Python's memory and its files are counted apart. */
const heapMebi = 256
/** What the runtime takes beside memory and files: code, stacks, the snapshot while it is read. */
const runtimeBytes = 768 * mebi

export interface PythonParts {
  readonly runtime: 'node' | 'deno'
  /** Folder of the package `pyodide`. */
  readonly pyodide: string
  readonly snapshot?: string
  /** Folder of wheels. */
  readonly packages?: string
  readonly mode: 'run' | 'snapshot'
}

/** Python behind every wall that is to be had on this machine. */
export function pythonCommand(machine: Machine, parts: PythonParts, limits: Limits): JailCommand {
  const jailed = machine.bwrap !== undefined
  const place = (path: string, name: string): string => (jailed ? `/silo/${name}` : path)
  const program = parts.runtime === 'deno' ? (machine.deno ?? 'deno') : process.execPath
  const reads = [
    { path: jailProgram, at: place(jailProgram, 'jail.ts') },
    { path: parts.pyodide, at: place(parts.pyodide, 'pyodide') },
    ...(parts.snapshot ? [{ path: parts.snapshot, at: place(parts.snapshot, 'snapshot') }] : []),
    ...(parts.packages ? [{ path: parts.packages, at: place(parts.packages, 'packages') }] : []),
  ]
  const at = (path: string | undefined): string =>
    reads.find((read) => read.path === path)?.at ?? '-'
  const inner = [
    place(program, 'runtime'),
    ...(parts.runtime === 'deno' ? denoFlags(reads) : nodeFlags(reads)),
    at(jailProgram),
    at(parts.pyodide),
    at(parts.snapshot),
    at(parts.packages),
    parts.mode,
    String(limits.memoryBytes),
  ]
  const walls = [`${parts.runtime}-permissions`, 'bare-language']
  let outer: string[] = []
  if (machine.bwrap) {
    outer = [machine.bwrap, ...bubblewrap(program, reads), '--']
    walls.unshift('bubblewrap')
  } else if (machine.sandboxExec) {
    outer = [machine.sandboxExec, '-p', seatbelt(program, reads)]
    walls.unshift('sandbox-exec')
  }
  if (machine.prlimit) {
    outer = [...prlimit(machine.prlimit, limits), ...outer]
    walls.unshift('rlimits')
  }
  // Without bubblewrap nothing would end the jail with its parent.
  if (!machine.bwrap) {
    const most = limits.memoryBytes + limits.fileBytes + runtimeBytes
    outer = [process.execPath, '--no-warnings', keeperProgram, String(most), ...outer]
    walls.unshift('keeper')
  }
  const [file = '', ...args] = [...outer, ...inner]
  return { file, args, walls, kept: !machine.bwrap }
}

type Read = { readonly path: string; readonly at: string }

function nodeFlags(reads: readonly Read[]): string[] {
  return [
    '--permission',
    ...reads.map(({ path, at }) => `--allow-fs-read=${isFolder(path) ? join(at, '/') : at}`),
    '--disallow-code-generation-from-strings',
    `--max-old-space-size=${heapMebi}`,
    '--disable-sigusr1',
    '--no-addons',
    '--no-warnings',
  ]
}

function denoFlags(reads: readonly Read[]): string[] {
  return [
    'run',
    '--no-prompt',
    '--quiet',
    '--no-remote',
    '--no-npm',
    '--no-config',
    '--no-lock',
    '--cached-only',
    `--allow-read=${reads.map(({ at }) => at).join(',')}`,
    '--deny-net',
    '--deny-run',
    '--deny-ffi',
    '--deny-write',
    '--deny-env',
    '--deny-sys',
    `--v8-flags=--disallow-code-generation-from-strings,--max-old-space-size=${heapMebi}`,
  ]
}

/** A system of its own: the libraries, the runtime, Pyodide. No programs, no /proc, no network, nothing to write to. */
function bubblewrap(program: string, reads: readonly Read[]): string[] {
  return [
    ...namespaces,
    ...libraries(['/usr/lib', '/usr/lib32', '/usr/lib64']),
    '--dev',
    '/dev',
    '--dir',
    '/silo',
    '--ro-bind',
    program,
    '/silo/runtime',
    ...reads.flatMap(({ path, at }) => ['--ro-bind', path, at]),
    '--remount-ro',
    '/',
    '--chdir',
    '/silo',
  ]
}

export function prlimit(program: string, limits: Limits): string[] {
  return [
    program,
    `--data=${limits.memoryBytes + limits.fileBytes + runtimeBytes}`,
    `--cpu=${limits.cpuSeconds}:${limits.cpuSeconds + 1}`,
    '--fsize=0',
    '--core=0',
    '--nofile=128',
    '--memlock=0',
    '--',
  ]
}

/** macOS: written after Apple's own profiles and reviewed, but not run by the tests, which have no Mac. */
export function seatbelt(program: string, reads: readonly Read[]): string {
  const readable = reads.map(
    ({ path }) => `(${isFolder(path) ? 'subpath' : 'literal'} ${JSON.stringify(path)})`,
  )
  return [
    '(version 1)(deny default)',
    '(deny network*)',
    `(allow process-exec (literal ${JSON.stringify(program)}))`,
    `(allow file-read* (literal ${JSON.stringify(program)}) (subpath ${JSON.stringify(dirname(program))})`,
    '  (subpath "/usr/lib") (subpath "/System/Library") (literal "/dev/null") (literal "/dev/urandom") (literal "/")',
    `  ${readable.join(' ')})`,
    '(allow file-read-metadata)',
    '(allow sysctl-read)(allow mach-lookup (global-name "com.apple.system.logger"))',
  ].join('\n')
}

function isFolder(path: string): boolean {
  return lstatSync(path).isDirectory()
}
