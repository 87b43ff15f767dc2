#!/usr/bin/env node
// The `silo` command. Plain JavaScript for Node 20 or newer: it may run before anything is installed.
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const here = dirname(fileURLToPath(import.meta.url))
const node = join(
  here,
  '..',
  '..',
  'node_modules',
  'node',
  'bin',
  process.platform === 'win32' ? 'node.exe' : 'node',
)

let child
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'])
  process.on(signal, () => {
    // On Windows a signal sent is a kill, and Ctrl-C reaches every process of the console by itself.
    if (process.platform !== 'win32' || signal !== 'SIGINT') child?.kill(signal)
  })
process.on('exit', () => child?.kill('SIGKILL'))

/** Runs a program to its end and returns its exit code. */
function run(command, args, stdio) {
  return new Promise((resolve) => {
    child = spawn(command, args, { stdio })
    child.once('error', () => resolve(127))
    child.once('close', (code, signal) => resolve(code ?? (signal === 'SIGINT' ? 130 : 1)))
  })
}

let code = 0
if (!existsSync(node)) {
  const install = new URL('./install.mjs', import.meta.url).href
  const program = `const { ensureInstalled } = await import(${JSON.stringify(install)}); await ensureInstalled()`
  // What the installation says goes to standard error: standard output belongs to the command.
  code = await run(process.execPath, ['--input-type=module', '-e', program], ['ignore', 2, 2])
}
if (code === 0) {
  // Through the channel the command notices that this process is gone.
  code = await run(node, [join(here, 'cli.ts'), ...process.argv.slice(2)], [0, 1, 2, 'ipc'])
}
process.exitCode = code
