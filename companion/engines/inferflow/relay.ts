import { spawn } from 'node:child_process'
import { rmSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { createInterface } from 'node:readline'
import type { Readable, Writable } from 'node:stream'

/**
 * Entry of the process inside the service's network: starts the service, and joins a Unix socket that the companion
 * sees to the service's port, which nothing else can reach. It ends with the service. It runs without the rest of the
 * companion beside it.
 *
 * Arguments: Unix socket · port · program · its arguments
 */

/** The service repeats what it is asked; once it answers, only what tells of a failure goes on. */
const failure = /fail|error|not enough|assert|abort|terminate|out of memory/i
const repeated = /input text:/
const lineLimit = 500
/** The companion knocks many times a second until the service answers, ms. */
const lonelyLimit = 30_000

const [socketPath = '', port = '0', command = '', ...args] = process.argv.slice(2)
let answers = false
// Bubblewrap that is killed while it starts may leave this process behind.
const lonely = setTimeout(() => process.exit(1), lonelyLimit)

const program = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] })
pass(program.stdout, process.stdout)
pass(program.stderr, process.stderr)
program.on('error', (error) => {
  process.stderr.write(`${error.message}\n`)
  process.exit(127)
})
program.on('exit', (code, signal) => {
  process.stderr.write(`the service ended with ${signal ?? `exit code ${code}`}\n`)
  process.exit(code ?? 1)
})

rmSync(socketPath, { force: true })
process.umask(0o177)
const server = createServer((outer) => {
  clearTimeout(lonely)
  const inner = connect(Number(port), '127.0.0.1', () => {
    answers = true
  })
  outer.pipe(inner)
  inner.pipe(outer)
  outer.on('error', () => inner.destroy())
  inner.on('error', () => outer.destroy())
  outer.on('close', () => inner.destroy())
  inner.on('close', () => outer.destroy())
})
server.on('error', (error) => {
  process.stderr.write(`${error.message}\n`)
  process.exit(1)
})
server.listen(socketPath)

function pass(from: Readable, to: Writable): void {
  createInterface({ input: from }).on('line', (line) => {
    if (repeated.test(line) || (answers && !failure.test(line))) return
    to.write(`${line.slice(0, lineLimit)}\n`)
  })
}
