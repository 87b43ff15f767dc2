import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { Sandbox, SandboxEvent, SandboxJob } from '#shared/contracts/sandbox.ts'
import { SiloError } from '#shared/errors/silo-error.ts'

type PythonJob = Extract<SandboxJob, { kind: 'python' }>
type End = Extract<SandboxEvent, { type: 'end' }>

/** What a program does in the fake. */
export interface FakeProgram {
  readonly stdout?: string
  readonly stderr?: string
  /** 0 unless told. */
  readonly exitCode?: number
  readonly error?: string
  /** Name and content of what it leaves. */
  readonly files?: Readonly<Record<string, string>>
  readonly hangs?: boolean
}

/** Runs nothing: `programs` says what would come of a Python job. Limits of time, output and files hold. */
export function createFakeSandbox(programs: (job: PythonJob) => FakeProgram): Sandbox {
  return {
    specVersion: 1,
    id: 'fake',
    probe: async () => ({ available: true, walls: ['fake'], packages: [] }),
    run: (job, signal) => run(job, signal, programs),
    [Symbol.asyncDispose]: async () => {},
  }
}

async function* run(
  job: SandboxJob,
  signal: AbortSignal,
  programs: (job: PythonJob) => FakeProgram,
): AsyncGenerator<SandboxEvent> {
  signal.throwIfAborted()
  if (job.kind !== 'python' || job.code === '')
    throw new SiloError('sandbox_input_invalid', { params: { detail: 'job' } })
  const program = programs(job)
  const limits = job.limits ?? {}
  let outcome: End['outcome'] = program.exitCode ? 'error' : 'done'
  let left = limits.outputBytes ?? Infinity
  for (const stream of ['stdout', 'stderr'] as const) {
    const text = program[stream] ?? ''
    if (text.length > left) outcome = 'output-limit'
    if (text) yield { type: 'output', stream, text: text.slice(0, left) }
    left -= text.length
  }
  if (program.hangs) outcome = await hang(limits.wallMs ?? 60_000, signal)
  const files = Object.entries(program.files ?? {})
  if (files.length > (limits.files ?? Infinity)) outcome = 'file-limit'
  const kept = outcome === 'done' || outcome === 'error' ? files : []
  const folder = await mkdtemp(join(tmpdir(), 'silo-fake-'))
  let whole = false
  try {
    for (const [name, content] of kept) {
      await mkdir(dirname(join(folder, name)), { recursive: true })
      await writeFile(join(folder, name), content)
    }
    whole = true
    yield {
      type: 'end',
      outcome,
      exitCode: program.exitCode ?? 0,
      ...(program.error ? { error: program.error } : {}),
      folder,
      files: kept.map(([name, content]) => ({ name, size: Buffer.byteLength(content) })),
      ms: 1,
    }
  } finally {
    if (!whole) await rm(folder, { recursive: true, force: true })
  }
}

function hang(wallMs: number, signal: AbortSignal): Promise<'cancelled' | 'time-limit'> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve('time-limit'), wallMs)
    signal.addEventListener('abort', () => (clearTimeout(timer), resolve('cancelled')), {
      once: true,
    })
  })
}
