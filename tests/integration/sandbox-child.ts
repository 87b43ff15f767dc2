// A companion with jails that never end: it says `busy` when they run, and waits to be killed.
import { createPythonSandbox } from '#companion/sandbox/python-sandbox.ts'
import { createShellSandbox } from '#companion/sandbox/shell-sandbox.ts'
import { silent, snapshots } from '#tests/sandbox/world.ts'

const [home = '', folder = '', walls = ''] = process.argv.slice(2)
const { signal } = new AbortController()
const bare = walls === 'bare' ? { machine: {} } : {}
const python = createPythonSandbox({ folder: home, log: silent, snapshots, ...bare })
const jobs = [
  python.run({ kind: 'python', code: 'print("busy")\nwhile True: pass', files: [] }, signal),
]
if (walls !== 'bare') {
  const shell = createShellSandbox({ folder: home, log: silent })
  const argv = ['sh', '-c', 'echo busy; (setsid sleep 1000 &); while :; do :; done']
  jobs.push(shell.run({ kind: 'shell', argv, cwd: folder, folders: [{ path: folder, write: true }] }, signal)) // prettier-ignore
}
let busy = 0
for (const job of jobs)
  void (async () => {
    for await (const event of job)
      if (event.type === 'output' && ++busy === jobs.length) process.stdout.write('busy\n')
  })()
