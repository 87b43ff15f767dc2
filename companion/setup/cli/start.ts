import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Config } from '#companion/config/config.ts'
import { SiloError } from '#shared/errors/silo-error.ts'
import { statusSchema } from '#shared/protocol/api.ts'
import { CompanionClient } from './client.ts'
import type { Terminal } from './terminal.ts'

const pollMs = 250

/**
 * `silo start`: what `npm start` does, until it ends. With --json standard output gets one document once the
 * companion answers; what the set-up says goes to standard error.
 */
export async function start(
  terminal: Terminal,
  config: Config,
  args: readonly string[],
): Promise<void> {
  const script = fileURLToPath(new URL('../start.mjs', import.meta.url))
  const child = spawn(process.execPath, [script, ...args], {
    stdio: ['ignore', terminal.json ? 2 : 1, 2],
  })
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => child.kill('SIGTERM'))
  }
  process.on('exit', () => child.kill('SIGKILL'))
  let running = true
  const exited = new Promise<number>((resolve) => {
    const finish = (code: number): void => {
      running = false
      resolve(code)
    }
    child.once('error', () => finish(127))
    child.once('exit', (code, signal) => finish(code ?? (signal ? 130 : 1)))
  })
  const announced = !terminal.json || (await announce(terminal, config, () => running))
  process.exitCode = await exited
  if (!announced) throw new SiloError('companion_unreachable')
}

/** False where the set-up ended before a companion answered. */
async function announce(
  terminal: Terminal,
  config: Config,
  running: () => boolean,
): Promise<boolean> {
  for (;;) {
    // Once more after the end: start also ends where a companion ran already.
    const last = !running()
    try {
      const client = CompanionClient.find(config)
      const status = await client.request(statusSchema, '/api/status', { limitMs: 5000 })
      const token = readFileSync(join(config.home, 'token'), 'utf8').trim()
      terminal.document({
        url: client.url,
        urlWithToken: `${client.url}/?token=${token}`,
        version: status.version,
        home: status.home,
      })
      return true
    } catch {
      if (last) return false
    }
    await sleep(pollMs)
  }
}
