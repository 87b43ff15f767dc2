import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile, readdir } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { describe, expect, it, vi } from 'vitest'
import { findMachine } from '#companion/sandbox/machine.ts'
import { World } from '#tests/sandbox/world.ts'

const { bwrap } = await findMachine()
const child = fileURLToPath(new URL('sandbox-child.ts', import.meta.url))

describe.skipIf(process.platform !== 'linux')('a companion that is killed', () => {
  for (const walls of bwrap ? ['all', 'bare'] : ['bare'])
    it(`takes its jails with it (${walls})`, async () => {
      await using world = await World.open()
      const args = ['--no-warnings', child, world.home, world.folder, walls]
      const companion = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
      await once(companion.stdout, 'data')
      const jails = await descendants(Number(companion.pid))
      expect(jails.length).toBeGreaterThanOrEqual(walls === 'bare' ? 2 : 6)
      companion.kill('SIGKILL')
      await vi.waitFor(
        async () => {
          const alive = await Promise.all(jails.map((pid) => isAlive(pid)))
          expect(alive).not.toContain(true)
        },
        { timeout: 20_000, interval: 100 },
      )
    })
})

async function descendants(pid: number): Promise<number[]> {
  const tasks = await readdir(`/proc/${pid}/task`).catch(() => [])
  const read = (task: string): Promise<string> =>
    readFile(`/proc/${pid}/task/${task}/children`, 'utf8').catch(() => '')
  const lists = await Promise.all(tasks.map(read))
  const children = lists.flatMap((list) => list.split(' ').filter(Boolean).map(Number))
  const below = await Promise.all(children.map((each) => descendants(each)))
  return [...children, ...below.flat()]
}

/** A zombie that nobody has waited for does nothing any more. */
async function isAlive(pid: number): Promise<boolean> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')
  return stat !== '' && !/\) [ZX] /.test(stat)
}
