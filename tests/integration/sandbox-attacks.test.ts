import { rm } from 'node:fs/promises'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { findMachine } from '#companion/sandbox/machine.ts'
import { measureTree } from '#companion/sandbox/process-watch.ts'
import { createPythonSandbox } from '#companion/sandbox/python-sandbox.ts'
import { createShellSandbox } from '#companion/sandbox/shell-sandbox.ts'
import type { Sandbox } from '#shared/contracts/sandbox.ts'
import {
  type Attack,
  loudPythonAttacks,
  quietProgram,
  quietPythonAttacks,
} from '#tests/sandbox/python-attacks.ts'
import { shellAttacks } from '#tests/sandbox/shell-attacks.ts'
import { runJob, silent, World, snapshots } from '#tests/sandbox/world.ts'

const machine = await findMachine()
const long = process.env.SILO_TESTS === 'long'
/** The slow ones in the long stage, the others always. */
const now = <T extends Attack>(attacks: readonly T[]): T[] =>
  attacks.filter(({ slow = false }) => slow === long)

describe('attacks of Python behind all walls', () => {
  let world: World
  let sandbox: Sandbox
  beforeAll(async () => {
    world = await World.open()
    sandbox = createPythonSandbox({ folder: world.home, log: silent, snapshots })
  })
  afterAll(async () => {
    await sandbox[Symbol.asyncDispose]()
    expect(await childrenLeft()).toBeLessThanOrEqual(1)
    await world[Symbol.asyncDispose]()
  })

  it(`tries ${quietPythonAttacks.length} ways out at once, and none is one`, async () => {
    const code = world.fill(quietProgram(quietPythonAttacks))
    const ran = await runJob(sandbox, { kind: 'python', code, files: [] })
    expect(await world.escapes(ran), ran.output).toEqual([])
    expect(ran.outcome, ran.output.slice(-2000)).toBe('done')
    // All of them were tried.
    for (const { name } of quietPythonAttacks) expect(ran.output).toContain(`## ${name}\n`)
    await rm(ran.folder, { recursive: true, force: true })
  })

  it.each(now(loudPythonAttacks))('stops $name', async ({ code, ends, limits }) => {
    const ran = await runJob(sandbox, {
      kind: 'python',
      code: world.fill(code),
      files: [],
      ...(limits ? { limits } : {}),
    })
    expect(await world.escapes(ran)).toEqual([])
    expect(ends, `${ran.outcome} ${ran.error ?? ''} ${ran.output.slice(-500)}`).toContain(
      ran.outcome,
    )
    await rm(ran.folder, { recursive: true, force: true })
  })
})

/** One wall at a time: what the runtime's permissions alone hold. */
describe.each(machine.deno ? (['node', 'deno'] as const) : (['node'] as const))(
  'attacks of Python in %s by itself',
  (runtime) => {
    it('finds no way out', async () => {
      await using world = await World.open()
      const deno = machine.deno ? { deno: machine.deno } : {}
      await using sandbox = createPythonSandbox({
        folder: world.home,
        log: silent,
        snapshots,
        runtime,
        machine: deno,
      })
      const code = world.fill(quietProgram(quietPythonAttacks))
      const ran = await runJob(sandbox, { kind: 'python', code, files: [] })
      expect(await world.escapes(ran), ran.output).toEqual([])
      expect(ran.outcome, ran.output.slice(-2000)).toBe('done')
      for (const attack of loudPythonAttacks.filter(({ name }) => /os\.system|ctypes/.test(name))) {
        const loud = await runJob(sandbox, {
          kind: 'python',
          code: world.fill(attack.code),
          files: [],
        })
        expect(await world.escapes(loud), attack.name).toEqual([])
        expect(attack.ends, attack.name).toContain(loud.outcome)
      }
    })
  },
)

describe.skipIf(!machine.bwrap)('attacks of commands', () => {
  let world: World
  let sandbox: Sandbox
  beforeAll(async () => {
    world = await World.open()
    sandbox = createShellSandbox({ folder: world.home, log: silent })
  })
  afterEach(() => world.furnish())
  afterAll(async () => {
    await sandbox[Symbol.asyncDispose]()
    expect(await childrenLeft()).toBeLessThanOrEqual(1)
    await world[Symbol.asyncDispose]()
  })

  it.each(now(shellAttacks))('stops $name', async ({ code, write = false, ends, limits }) => {
    const argv = ['sh', '-c', world.fill(code)]
    const folders = [{ path: world.folder, write }]
    const ran = await runJob(sandbox, {
      kind: 'shell',
      argv,
      cwd: world.folder,
      folders,
      ...(limits ? { limits } : {}),
    })
    expect(await world.escapes(ran), ran.output.slice(-2000)).toEqual([])
    expect(ends ?? ['done', 'error'], ran.output.slice(-500)).toContain(ran.outcome)
    await rm(ran.folder, { recursive: true, force: true })
  })
})

/** Processes below this one, the victim among them. */
async function childrenLeft(): Promise<number> {
  return (await measureTree(process.pid, 1000)).processes - 1
}
