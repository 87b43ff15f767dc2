import { spawn, type ChildProcess } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { createInterface } from 'node:readline'
import { testModel } from '#tests/models.ts'

export interface RunningCompanion {
  readonly home: string
  readonly url: string
  readonly urlWithToken: string
  readonly process: ChildProcess
  stop(signal?: NodeJS.Signals): Promise<void>
}

/** A fresh data folder that finds the test models in place. */
export function makeHome(
  models: Parameters<typeof testModel>[0][] = ['qwen2.5-coder-0.5b', 'multilingual-e5-small'],
): string {
  const home = mkdtempSync(join(tmpdir(), 'silo-e2e-'))
  mkdirSync(join(home, 'models'), { recursive: true })
  for (const id of models) {
    const path = testModel(id)
    symlinkSync(path, join(home, 'models', basename(path)))
  }
  return home
}

/**
 * Starts the real companion as its own process and waits (at most a minute) for its ready line. `entry` names
 * another program to start, e.g. tests/fakes/companion.ts; `prefix` what its command line begins with, to run it on
 * another machine (network.ts).
 */
export async function startCompanionProcess(
  home: string,
  env: Record<string, string> = {},
  entry = 'companion/main.ts',
  prefix: readonly string[] = [],
): Promise<RunningCompanion> {
  const [command = '', ...rest] = [...prefix, process.execPath, entry, '--json']
  const child = spawn(command, rest, {
    env: {
      ...process.env,
      SILO_HOME: home,
      SILO_PORT: '0',
      SILO_NO_BROWSER: '1',
      SILO_PARENT_PID: String(process.pid),
      ...env,
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  const ready = new Promise<{ url: string; urlWithToken: string }>((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('the companion was not ready in 60 s')), 60_000)
    child.once('exit', (code) => reject(new Error(`the companion ended with ${code}`)))
    createInterface({ input: child.stdout }).on('line', (line) => {
      if (!line.startsWith('{')) return
      const message = JSON.parse(line) as { url?: string; urlWithToken?: string }
      if (!message.url || !message.urlWithToken) return
      clearTimeout(timer)
      resolve({ url: message.url, urlWithToken: message.urlWithToken })
    })
  })
  const { url, urlWithToken } = await ready
  return {
    home,
    url,
    urlWithToken,
    process: child,
    async stop(signal = 'SIGTERM') {
      child.kill(signal)
      await exited
    },
  }
}

export function removeHome(home: string): void {
  rmSync(home, { recursive: true, force: true })
}
