import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { run, say } from './process.mjs'

const names = [
  'chromium',
  'chromium-browser',
  'google-chrome',
  'google-chrome-stable',
  'msedge',
  'chrome.exe',
  'msedge.exe',
]
const places = [
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
  'C:\\Program Files\\Google\\Chrome\\Application\\chrome.exe',
  'C:\\Program Files (x86)\\Microsoft\\Edge\\Application\\msedge.exe',
]

/** A Chromium-family browser for the tests: `CHROMIUM_PATH`, the PATH, or the usual places. */
export function findBrowser() {
  const chosen = process.env.CHROMIUM_PATH
  if (chosen && existsSync(chosen)) return chosen
  for (const folder of (process.env.PATH ?? '').split(delimiter))
    for (const name of names) if (existsSync(join(folder, name))) return join(folder, name)
  return places.find((path) => existsSync(path))
}

/** In CI as root a missing browser is installed from the distribution; elsewhere that is the person's choice. */
export async function ensureBrowser() {
  const found = findBrowser()
  if (found) return found
  if (process.env.CI && process.getuid?.() === 0 && existsSync('/usr/bin/apt-get')) {
    say('Installing Chromium for the browser tests …')
    await run('apt-get', ['update', '-qq'], { timeoutMs: 5 * 60_000 })
    await run('apt-get', ['install', '-y', '-qq', 'chromium', 'fonts-noto-cjk'], {
      env: { DEBIAN_FRONTEND: 'noninteractive' },
      capture: true,
      timeoutMs: 10 * 60_000,
    })
    return findBrowser()
  }
  return undefined
}
