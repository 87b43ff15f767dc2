import { spawn } from 'node:child_process'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** Plain JavaScript without dependencies: these files run before anything is installed, on Node 20 or newer. */
export const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..')

/** The Node that came with the dependencies; the machine's own only has to be good enough to install it. */
export const node = join(
  root,
  'node_modules',
  'node',
  'bin',
  process.platform === 'win32' ? 'node.exe' : 'node',
)

const children = new Set()

// A child must never outlive this process: it would hold the port and the data folder.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.on(signal, () => {
    for (const child of children) child.kill(signal === 'SIGHUP' ? 'SIGTERM' : signal)
    if (children.size === 0) process.exit(130)
  })
}

// npm tells a signal only to the shell it started, which ends without passing it on.
if (process.env.npm_lifecycle_event && process.platform !== 'win32') {
  const parent = process.ppid
  setInterval(() => {
    if (process.ppid !== parent) process.kill(process.pid, 'SIGTERM')
  }, 500).unref()
}
process.on('exit', () => {
  for (const child of children) child.kill('SIGKILL')
})

/**
 * Runs a program to its end.
 * @param {string} command
 * @param {string[]} args
 * @param {{env?: Record<string, string>, capture?: boolean, quiet?: boolean, timeoutMs?: number, ipc?: boolean}} [options]
 *   `capture`: standard output is returned instead of shown. `timeoutMs`: killed after this long (code 124).
 * @returns {Promise<{code: number, output: string}>}
 */
export function run(command, args, options = {}) {
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      cwd: root,
      env: { ...process.env, ...options.env },
      stdio: [
        options.ipc ? 'inherit' : 'ignore',
        options.capture ? 'pipe' : 'inherit',
        options.quiet ? 'ignore' : 'inherit',
        ...(options.ipc ? ['ipc'] : []),
      ],
      // npm is a script with a shell wrapper on Windows.
      shell: process.platform === 'win32' && /^(npm|npx|pip)/.test(command),
    })
    children.add(child)
    let output = ''
    let timedOut = false
    child.stdout?.on('data', (chunk) => (output += chunk))
    const timer = options.timeoutMs
      ? setTimeout(() => {
          timedOut = true
          child.kill('SIGTERM')
          setTimeout(() => child.kill('SIGKILL'), 5000).unref()
        }, options.timeoutMs)
      : undefined
    const finish = (code) => {
      clearTimeout(timer)
      children.delete(child)
      resolve({ code: timedOut ? 124 : code, output })
    }
    child.once('error', () => finish(127))
    child.once('close', (code, signal) => finish(code ?? (signal ? 1 : 0)))
  })
}

export function say(text) {
  process.stdout.write(`${text}\n`)
}

export function fail(text) {
  process.stderr.write(`${text}\n`)
  process.exit(1)
}
