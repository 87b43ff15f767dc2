import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { run, say } from './process.mjs'

/** Whether there is bubblewrap to test with. In CI as root a missing one is installed from the distribution. */
export async function ensureBubblewrap() {
  if (process.platform !== 'linux' || isThere()) return true
  if (process.env.CI && process.getuid?.() === 0 && existsSync('/usr/bin/apt-get')) {
    say('Installing bubblewrap for the tests of the sandbox …')
    await run('apt-get', ['update', '-qq'], { timeoutMs: 5 * 60_000 })
    await run('apt-get', ['install', '-y', '-qq', 'bubblewrap'], {
      env: { DEBIAN_FRONTEND: 'noninteractive' },
      capture: true,
      timeoutMs: 5 * 60_000,
    })
  }
  return isThere()
}

function isThere() {
  return spawnSync('bwrap', ['--version']).status === 0
}
