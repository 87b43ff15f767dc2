import { spawn } from 'node:child_process'

/**
 * Starts the command of an MCP server and passes its streams on. However the companion ends, this process's input
 * ends with it, and then the server and all that it started are gone too.
 */
const [file, ...args] = process.argv.slice(2)
const graceMs = 2000

const child = spawn(file!, args, { stdio: ['pipe', 'inherit', 'inherit'], detached: true })

function endAll(signal: NodeJS.Signals): void {
  try {
    // The group: a server started by a shell or by npx is a child of the child.
    if (child.pid !== undefined) process.kill(-child.pid, signal)
  } catch {
    // Gone already.
  }
}
let ending = false
function end(): void {
  if (ending) return
  ending = true
  child.stdin.end()
  // A server that is well-behaved ends with its input.
  setTimeout(() => endAll('SIGTERM'), graceMs / 2)
  setTimeout(() => {
    endAll('SIGKILL')
    process.exit(1)
  }, graceMs)
}

child.on('error', (error) => {
  process.stderr.write(`${error.message}\n`)
  process.exit(127)
})
child.on('exit', (code, signal) => {
  endAll('SIGKILL')
  process.exit(signal ? 1 : (code ?? 1))
})
child.stdin.on('error', end)
process.stdin.on('end', end).on('error', end).pipe(child.stdin)
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, end)
