import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { SandboxEvent } from '#shared/contracts/sandbox.ts'
import { SiloError } from '#shared/errors/silo-error.ts'
import { EventQueue } from './event-queue.ts'
import { JailProcess, type JailCommand } from './jail-process.ts'
import type { Limits } from './limits.ts'
import { needsGroup, ProcessGroup } from './process-group.ts'
import { measureTree } from './process-watch.ts'
import { processesMost } from './shell-command.ts'
import type { ShellCopy } from './shell-copies.ts'

type End = Extract<SandboxEvent, { type: 'end' }>
type Outcome = End['outcome']

export const withoutGroup =
  'for root, commands need a control group of the kernel that limits processes, and none can be made here'
const treeEveryMs = 50
const copiesEveryMs = 250

interface Surroundings {
  /** By the folder's number in the job. */
  readonly copies: ReadonlyMap<number, ShellCopy>
  /** Where what it changed goes. */
  readonly left: string
  readonly limits: Limits
  readonly signal: AbortSignal
}

/** Runs the command, watches it, and ends with what it did to its copies. */
export async function* runShell(
  command: JailCommand,
  { copies, left, limits, signal }: Surroundings,
): AsyncGenerator<SandboxEvent> {
  const started = performance.now()
  const group = needsGroup() ? ProcessGroup.create(processesMost) : undefined
  // The sandbox has tried it before, so this is a matter of a moment.
  if (needsGroup() && !group)
    throw new SiloError('sandbox_unavailable', { params: { detail: withoutGroup } })
  const jail = new JailProcess(
    group ? { ...command, ...group.enter(command.file, command.args) } : command,
  )
  jail.closeInput()
  let stopped: Outcome | undefined
  const stop = (outcome: Outcome): void => {
    stopped ??= outcome
    jail.kill()
  }
  const cancel = (): void => stop('cancelled')
  const timer = setTimeout(() => stop('time-limit'), limits.wallMs)
  signal.addEventListener('abort', cancel, { once: true })
  if (signal.aborted) cancel()
  const done = new AbortController()
  const watches = Promise.all([
    repeat(treeEveryMs, done.signal, async () => {
      if (jail.pid === undefined) return
      const { processes, bytes } = await measureTree(jail.pid, processesMost)
      if (processes > processesMost || bytes > limits.memoryBytes) stop('memory-limit')
    }),
    repeat(copiesEveryMs, done.signal, async () => {
      if (await overgrown(copies, limits)) stop('file-limit')
    }),
  ])
  const events = outputOf(jail, limits, () => stop('output-limit'))
  try {
    yield* events
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', cancel)
    done.abort()
    jail.kill()
    await watches
    await jail.exited
    group?.remove()
  }
  const exit = await jail.exited
  if (!stopped && (await overgrown(copies, limits))) stopped = 'file-limit'
  const outcome = stopped ?? outcomeOf(exit.code, exit.signal)
  const changes = {
    files: [] as { name: string; size: number }[],
    removed: [] as string[],
    made: [] as string[],
  }
  if (outcome === 'done' || outcome === 'error')
    for (const [number, copy] of copies) {
      const found = await copy.collect(join(left, String(number)), signal)
      for (const { name, size } of found.files)
        changes.files.push({ name: `${number}/${name}`, size })
      for (const name of found.removed) changes.removed.push(`${number}/${name}`)
      for (const name of found.made) changes.made.push(`${number}/${name}`)
    }
  else {
    await rm(left, { recursive: true, force: true })
    await mkdir(left, { mode: 0o700 })
  }
  yield {
    type: 'end',
    outcome,
    ...(exit.code !== undefined && !stopped ? { exitCode: exit.code } : {}),
    ...(outcome === 'error' ? { error: `exit code ${exit.code}` } : {}),
    folder: left,
    ...changes,
    ms: Math.round(performance.now() - started),
  }
}

function outputOf(
  jail: JailProcess,
  limits: Limits,
  over: () => void,
): AsyncIterable<SandboxEvent> {
  const queue = new EventQueue<SandboxEvent>()
  let bytes = 0
  for (const stream of ['stdout', 'stderr'] as const) {
    const decoder = new TextDecoder()
    jail[stream].on('data', (chunk: Buffer) => {
      bytes += chunk.length
      if (bytes > limits.outputBytes) return over()
      const text = decoder.decode(chunk, { stream: true })
      if (text) queue.push({ type: 'output', stream, text })
    })
  }
  void jail.exited.then(() => queue.end())
  return queue
}

async function overgrown(copies: ReadonlyMap<number, ShellCopy>, limits: Limits): Promise<boolean> {
  let files = 0
  let bytes = 0
  for (const copy of copies.values()) {
    const growth = await copy.growth(limits)
    files += growth.files
    bytes += growth.bytes
  }
  // As much again as could be copied in.
  return files > limits.files || bytes > 2 * limits.fileBytes
}

async function repeat(
  everyMs: number,
  signal: AbortSignal,
  work: () => Promise<void>,
): Promise<void> {
  while (!signal.aborted) {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, everyMs)
      signal.addEventListener('abort', () => (clearTimeout(timer), resolve()), { once: true })
    })
    if (!signal.aborted) await work().catch(() => {})
  }
}

function outcomeOf(code: number | undefined, signal: string | undefined): Outcome {
  // 128 and the number of the signal: SIGXCPU, SIGXFSZ.
  if (code === 152 || signal === 'SIGXCPU') return 'time-limit'
  if (code === 153) return 'file-limit'
  if (code === undefined) return 'crashed'
  return code === 0 ? 'done' : 'error'
}
