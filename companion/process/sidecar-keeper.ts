import { spawn } from 'node:child_process'
import * as v from 'valibot'
import { sidecarCommandSchema } from './sidecar-command.ts'

/**
 * Entry of the process between the companion and a program that knows nothing of it: when the channel to the
 * companion closes, even by its SIGKILL, the program is ended.
 */

/** A program that is asked to end has so long, ms. */
const endLimit = 3000

process.once('message', (input) => {
  const { command, args, cwd, env } = v.parse(sidecarCommandSchema, input)
  const program = spawn(command, args, {
    stdio: ['ignore', 'inherit', 'inherit'],
    env,
    windowsHide: true,
    ...(cwd === undefined ? {} : { cwd }),
  })
  const end = (): void => {
    if (!program.kill('SIGTERM')) process.exit(0)
    setTimeout(() => program.kill('SIGKILL'), endLimit).unref()
  }
  program.on('spawn', () => {
    if (process.connected) process.send?.({ pid: program.pid })
  })
  program.on('error', (error) => {
    process.stderr.write(`${error.message}\n`)
    process.exit(127)
  })
  program.on('exit', (code, signal) => {
    process.stderr.write(`ended with ${signal ?? `exit code ${code}`}\n`)
    process.exit(code ?? 1)
  })
  process.once('disconnect', end)
})
// A terminal's Ctrl+C reaches the whole group: the companion decides when this process ends.
process.on('SIGINT', () => {})
