import { open, stat } from 'node:fs/promises'
import * as v from 'valibot'
import type { Log } from '#companion/observe/log.ts'
import type { SandboxEvent, SandboxJob } from '#shared/contracts/sandbox.ts'
import { SiloError } from '#shared/errors/silo-error.ts'
import type { Frame } from './frames.ts'
import type { JailProcess } from './jail-process.ts'
import { isSafeName, TooManyFiles, type LeftFiles } from './left-files.ts'
import type { Limits } from './limits.ts'

type End = Extract<SandboxEvent, { type: 'end' }>
type Outcome = End['outcome']

export interface PythonJob {
  readonly code: string
  readonly files: readonly { readonly name: string; readonly source: string }[]
}

/** How long a jail may take until it can work, without a snapshot on a busy machine. */
const startMs = 60_000
const chunkBytes = 256 * 1024
/** Versions of files that one job shows while it runs, and the time between two of one file. */
const shownMost = 60
const shownEveryMs = 500

const jobSchema = v.object({
  kind: v.literal('python'),
  code: v.pipe(v.string(), v.minLength(1), v.maxLength(1_000_000)),
  files: v.pipe(
    v.array(v.object({ name: v.pipe(v.string(), v.check(isSafeName)), source: v.string() })),
    v.maxLength(5000),
  ),
})

/** @throws SiloError sandbox_input_invalid */
export async function checkPythonJob(job: SandboxJob, limits: Limits): Promise<PythonJob> {
  const parsed = v.safeParse(jobSchema, job)
  if (!parsed.success) throw invalid(v.getDotPath(parsed.issues[0]) ?? 'job')
  const { code, files } = parsed.output
  if (new Set(files.map(({ name }) => name.toLowerCase())).size < files.length)
    throw invalid('two files of one name')
  let bytes = 0
  for (const { name, source } of files) {
    const found = await stat(source).catch(() => undefined)
    if (!found?.isFile()) throw invalid(name)
    bytes += found.size
  }
  if (bytes > limits.fileBytes) throw invalid('the files are larger than the limit')
  return { code, files }
}

function invalid(detail: string): SiloError {
  return new SiloError('sandbox_input_invalid', { params: { detail } })
}

interface Surroundings {
  readonly limits: Limits
  readonly left: LeftFiles
  readonly signal: AbortSignal
  readonly log: Log
}

/** Sends the job in, tells what comes out, and ends with what became of it. The process is gone afterwards. */
export async function* runPythonJob(
  jail: JailProcess,
  job: PythonJob & { load: readonly string[]; unpack: readonly string[] },
  { limits, left, signal, log }: Surroundings,
): AsyncGenerator<SandboxEvent> {
  const started = performance.now()
  // What ended it from outside; the first one counts.
  let stopped: Outcome | undefined
  const stop = (outcome: Outcome): void => {
    stopped ??= outcome
    jail.kill()
  }
  const cancel = (): void => stop('cancelled')
  let timer = setTimeout(() => stop('crashed'), startMs)
  signal.addEventListener('abort', cancel, { once: true })
  if (signal.aborted) cancel()
  const shown = new ShownFiles()
  let outputBytes = 0
  let said: Extract<Frame['header'], { type: 'end' }> | undefined
  const decoders = { stdout: new TextDecoder(), stderr: new TextDecoder() }
  try {
    for await (const { header, body } of jail.frames()) {
      if (header.type === 'ready') {
        clearTimeout(timer)
        timer = setTimeout(() => stop('time-limit'), limits.wallMs)
        // Not awaited: a jail that does not read must not keep its output from being read.
        void sendJob(jail, job, limits).catch(() => stop('crashed'))
      } else if (header.type === 'output') {
        outputBytes += body.length
        if (outputBytes > limits.outputBytes) {
          stop('output-limit')
          break
        }
        const text = decoders[header.stream].decode(body, { stream: true })
        if (text) yield { type: 'output', stream: header.stream, text }
      } else if (header.type === 'shown') {
        if (shown.takes(header.name)) yield { type: 'file', name: header.name, content: body }
      } else if (header.type === 'file') await left.write(header.name, header.first, body)
      else if (header.type === 'end') {
        said = header
        break
      }
    }
  } catch (error) {
    stop(error instanceof TooManyFiles ? 'file-limit' : 'crashed')
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', cancel)
    jail.kill()
  }
  const exit = await jail.exited
  const outcome = stopped ?? said?.outcome ?? outcomeOf(exit.code, exit.signal, exit.stderr)
  if (outcome === 'crashed') log.warn('a Python jail ended by itself', { ...exit })
  const keep = outcome === 'done' || outcome === 'error'
  await left.finish(keep)
  yield {
    type: 'end',
    outcome,
    ...(said?.exitCode !== undefined && !stopped ? { exitCode: said.exitCode } : {}),
    ...(said?.error && !stopped ? { error: said.error } : {}),
    folder: left.folder,
    files: left.files,
    ms: Math.round(performance.now() - started),
  }
}

/** Which of the files that a jail shows while it runs are passed on: it may send any number. */
class ShownFiles {
  readonly #at = new Map<string, number>()
  #left = shownMost

  takes(name: string): boolean {
    const now = performance.now()
    if (this.#left === 0 || !isSafeName(name)) return false
    if (now - (this.#at.get(name) ?? -Infinity) < shownEveryMs) return false
    this.#at.set(name, now)
    this.#left--
    return true
  }
}

async function sendJob(
  jail: JailProcess,
  job: PythonJob & { load: readonly string[]; unpack: readonly string[] },
  limits: Limits,
): Promise<void> {
  const buffer = Buffer.alloc(chunkBytes)
  for (const { name, source } of job.files) {
    const handle = await open(source, 'r')
    try {
      for (let first = true; !jail.gone; first = false) {
        const { bytesRead } = await handle.read(buffer, 0, chunkBytes)
        if (bytesRead === 0 && !first) break
        await jail.send({ type: 'file', name, first }, buffer.subarray(0, bytesRead))
      }
    } finally {
      await handle.close()
    }
  }
  const { code, load, unpack } = job
  const { fileBytes, files, memoryBytes } = limits
  await jail.send({ type: 'job', code, load, unpack, fileBytes, files, memoryBytes })
}

/** What the end of a process that said nothing means. Bubblewrap tells a signal as 128 and its number. */
function outcomeOf(code: number | undefined, signal: string | undefined, stderr: string): Outcome {
  if (code === 152 || signal === 'SIGXCPU') return 'time-limit'
  if (/out of memory|allocation fail|bad_alloc|Cannot allocate/i.test(stderr)) return 'memory-limit'
  return 'crashed'
}
