/**
 * Stands between Silo and a jail where no bubblewrap does: it ends the jail when Silo is gone (its third pipe closes,
 * also after kill -9) or when the jail takes more memory than it may. It runs nothing but the command it is given.
 *
 * Arguments: bytes of memory · command · its arguments
 */
import { execFile, spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { Socket } from 'node:net'

const [most = '0', command = '', ...args] = process.argv.slice(2)
const child = spawn(command, args, { stdio: ['inherit', 'inherit', 'inherit'], env: {} })
const end = (): void => void child.kill('SIGKILL')
const life = new Socket({ fd: 3, readable: true, writable: false })
life.resume()
life.once('close', end).once('error', end)

/** Exit code for "took too much memory", as bubblewrap would tell of a process that was killed for it. */
const tooMuch = 137
let over = false
const watch = setInterval(() => {
  residentBytes(child.pid, (bytes) => {
    if (bytes <= Number(most)) return
    over = true
    end()
  })
}, 250)

child.once('error', (error) => {
  process.stderr.write(error.message)
  process.exit(127)
})
child.once('exit', (code, signal) => {
  clearInterval(watch)
  if (over) process.stderr.write('out of memory')
  process.exit(over ? tooMuch : (code ?? (signal === 'SIGXCPU' ? 152 : 134)))
})

function residentBytes(pid: number | undefined, tell: (bytes: number) => void): void {
  if (!pid || !Number(most)) return
  if (process.platform === 'linux') {
    try {
      const found = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))
      tell(Number(found?.[1] ?? 0) * 1024)
    } catch {
      // Gone already.
    }
  } else if (process.platform === 'darwin')
    execFile('/bin/ps', ['-o', 'rss=', '-p', String(pid)], { timeout: 2000 }, (_, text) =>
      tell(Number(text) * 1024 || 0),
    )
}
