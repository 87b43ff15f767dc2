import { rm } from 'node:fs/promises'
import { findMachine } from '#companion/sandbox/machine.ts'
import { createPythonSandbox } from '#companion/sandbox/python-sandbox.ts'
import { createShellSandbox } from '#companion/sandbox/shell-sandbox.ts'
import type { Sandbox, SandboxJob } from '#shared/contracts/sandbox.ts'
import {
  loudPythonAttacks,
  quietProgram,
  quietPythonAttacks,
  type Attack,
} from '#tests/sandbox/python-attacks.ts'
import { shellAttacks } from '#tests/sandbox/shell-attacks.ts'
import { runJob, silent, World } from '#tests/sandbox/world.ts'

const goalSeconds = 0.8

/** From the call to the first output: a process started from the snapshot for this job, and one that waited. And: attacks. */
export async function run({
  quick,
}: {
  quick: boolean
}): Promise<Record<string, unknown> & { ok: boolean }> {
  await using world = await World.open()
  const { bwrap } = await findMachine()
  const rounds = quick ? 8 : 40
  const snapshot = await starts(world, 0, rounds)
  const waiting = await starts(world, 60_000, rounds)
  console.log(
    `start to first output, from the snapshot: p50 ${snapshot.p50} s, p95 ${snapshot.p95} s (${rounds} starts)`,
  )
  console.log(
    `start to first output, process waiting:   p50 ${waiting.p50} s, p95 ${waiting.p95} s`,
  )
  const chosen = <T extends Attack>(attacks: readonly T[]): T[] =>
    attacks.filter(({ slow }) => !quick || !slow)
  const python = await attacks(world, chosen(loudPythonAttacks))
  const shell = bwrap ? await commands(world, chosen(shellAttacks)) : { tried: 0, blocked: 0 }
  const tried = python.tried + shell.tried
  const blocked = python.blocked + shell.blocked
  console.log(
    `attacks blocked: Python ${python.blocked}/${python.tried}, commands ${shell.blocked}/${shell.tried}`,
  )
  const ok = snapshot.p95 <= goalSeconds && tried === blocked
  return { bench: 'sandbox', value: snapshot.p95, goal: goalSeconds, waitingP95: waiting.p95, blocked, tried, ok } // prettier-ignore
}

async function starts(
  world: World,
  warmMs: number,
  rounds: number,
): Promise<{ p50: number; p95: number }> {
  await using sandbox = createPythonSandbox({ folder: world.home, log: silent, warmMs })
  const job: SandboxJob = { kind: 'python', code: 'print("here")', files: [] }
  const seconds: number[] = []
  // The first makes the snapshot.
  for (let round = 0; round <= rounds; round++) {
    const started = performance.now()
    for await (const event of sandbox.run(job, new AbortController().signal)) {
      if (event.type === 'output' && round > 0) seconds.push((performance.now() - started) / 1000)
      if (event.type === 'end') await rm(event.folder, { recursive: true, force: true })
    }
    if (warmMs > 0) await new Promise((resolve) => setTimeout(resolve, 700))
  }
  seconds.sort((a, b) => a - b)
  const at = (share: number): number =>
    Number((seconds[Math.ceil(share * seconds.length) - 1] ?? NaN).toFixed(3))
  return { p50: at(0.5), p95: at(0.95) }
}

async function attacks(
  world: World,
  loud: readonly Attack[],
): Promise<{ tried: number; blocked: number }> {
  await using sandbox = createPythonSandbox({ folder: world.home, log: silent })
  let blocked = 0
  const all = await tryOne(world, sandbox, { kind: 'python', code: world.fill(quietProgram(quietPythonAttacks)), files: [] }) // prettier-ignore
  if (all.ok && all.outcome === 'done') blocked += quietPythonAttacks.length
  for (const { name, code, ends, limits } of loud) {
    const job: SandboxJob = { kind: 'python', code: world.fill(code), files: [], ...(limits ? { limits } : {}) } // prettier-ignore
    const { ok, outcome } = await tryOne(world, sandbox, job)
    if (ok && ends?.some((end) => end === outcome)) blocked++
    else console.log(`not blocked: ${name} (${outcome})`)
  }
  return { tried: quietPythonAttacks.length + loud.length, blocked }
}

async function commands(
  world: World,
  list: typeof shellAttacks,
): Promise<{ tried: number; blocked: number }> {
  await using sandbox = createShellSandbox({ folder: world.home, log: silent })
  let blocked = 0
  for (const { name, code, write = false, ends = ['done', 'error'], limits } of list) {
    const argv = ['sh', '-c', world.fill(code)]
    const folders = [{ path: world.folder, write }]
    const job: SandboxJob = { kind: 'shell', argv, cwd: world.folder, folders, ...(limits ? { limits } : {}) } // prettier-ignore
    const { ok, outcome } = await tryOne(world, sandbox, job)
    if (ok && ends.some((end) => end === outcome)) blocked++
    else console.log(`not blocked: ${name} (${outcome})`)
    await world.furnish()
  }
  return { tried: list.length, blocked }
}

async function tryOne(
  world: World,
  sandbox: Sandbox,
  job: SandboxJob,
): Promise<{ ok: boolean; outcome: string }> {
  const ran = await runJob(sandbox, job)
  const escapes = await world.escapes(ran)
  for (const escape of escapes) console.log(escape)
  await rm(ran.folder, { recursive: true, force: true })
  return { ok: escapes.length === 0, outcome: ran.outcome }
}
