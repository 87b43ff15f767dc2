import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { ensureInstalled } from './install.mjs'
import { node, root, run, say } from './process.mjs'
import { ensureWebBuilt } from './web-build.mjs'

const help = `npm start [-- OPTIONS]   installs what is missing, then starts the companion

  --port N        listen on this port (default 7450)
  --no-browser    do not open a browser
  --no-models     do not fetch the starter models
`

/** `npm start`: safe to repeat; with everything in place it goes straight to the companion. */
const { values } = parseArgs({
  options: {
    port: { type: 'string' },
    'no-browser': { type: 'boolean', default: false },
    'no-models': { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})
if (values.help) {
  say(help)
  process.exit(0)
}
if (values.port) process.env.SILO_PORT = values.port

await ensureInstalled()
await ensureWebBuilt()
const running = await run(node, [join('companion', 'setup', 'running.ts')], {
  capture: true,
  timeoutMs: 10_000,
})
if (running.code === 0 && running.output.trim()) {
  say(`Silo is already running: ${running.output.trim()}`)
  openBrowser(running.output.trim())
} else {
  if (!values['no-models']) {
    // Without models the companion still starts: the app shows what is missing and can fetch it.
    const models = await run(node, [join('companion', 'setup', 'models.ts')], { ipc: true })
    if (models.code !== 0) say('Starting without some models; the app can fetch them later.')
  }
  await serve()
}

/** Runs the companion until it ends, with its exit code. */
async function serve() {
  const child = spawn(node, [join('companion', 'main.ts')], {
    cwd: root,
    // An encrypted data folder asks for its passphrase.
    stdio: [process.stdin.isTTY ? 'inherit' : 'ignore', 'inherit', 'inherit', 'ipc'],
    env: { ...process.env, SILO_PARENT_PID: String(process.pid) },
  })
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    process.removeAllListeners(signal)
    process.on(signal, () => child.kill('SIGTERM'))
  }
  process.on('exit', () => child.kill('SIGKILL'))
  child.on('message', (message) => {
    if (message?.type === 'ready') openBrowser(message.urlWithToken)
  })
  const code = await new Promise((resolve) =>
    child.once('exit', (exitCode) => resolve(exitCode ?? 1)),
  )
  process.exit(code)
}

function openBrowser(url) {
  if (values['no-browser'] || process.env.SILO_NO_BROWSER || process.env.CI) return
  const [command, args] =
    process.platform === 'darwin'
      ? ['open', [url]]
      : process.platform === 'win32'
        ? ['cmd', ['/c', 'start', '', url]]
        : ['xdg-open', [url]]
  if (process.platform === 'linux' && !(process.env.DISPLAY || process.env.WAYLAND_DISPLAY)) return
  if (process.platform === 'linux' && !existsSync('/usr/bin/xdg-open')) return
  const child = spawn(command, args, { stdio: 'ignore', detached: true })
  child.on('error', () => {})
  child.unref()
}
