import { rm } from 'node:fs/promises'
import type { Sandbox, SandboxEvent, SandboxJob } from '#shared/contracts/sandbox.ts'
import type { ToolContext } from '#shared/contracts/tool.ts'
import { SiloError, type Language } from '#shared/errors/silo-error.ts'
import { artifactOf } from './left-artifacts.ts'

type End = Extract<SandboxEvent, { type: 'end' }>

export interface JailRun {
  readonly end: End
  readonly stdout: string
  readonly stderr: string
}

const reasons: Record<
  Exclude<End['outcome'], 'done' | 'error' | 'cancelled' | 'crashed'>,
  Record<Language, string>
> = {
  'time-limit': { en: 'it took too long', zh: '运行时间过长' },
  'memory-limit': { en: 'it took too much memory', zh: '占用内存过多' },
  'output-limit': { en: 'it printed too much', zh: '输出过多' },
  'file-limit': { en: 'it made too many or too large files', zh: '生成的文件过多或过大' },
}

/** What a model is told of each stream: its beginning and its end. Characters. */
const keptStart = 6000
const keptEnd = 2000

/**
 * Runs a job, passing on its output and what there is to see meanwhile. `use` sees what it left, which is deleted afterwards.
 * @throws SiloError sandbox_limit, sandbox_unavailable, sandbox_input_invalid, tool_failed; the signal's reason
 */
export async function runInJail<T>(
  sandbox: Sandbox,
  job: SandboxJob,
  context: ToolContext,
  title: string,
  use: (run: JailRun) => Promise<T>,
): Promise<T> {
  const texts = { stdout: new Excerpt(), stderr: new Excerpt() }
  let end: End | undefined
  try {
    for await (const event of sandbox.run(job, context.signal)) {
      if (event.type === 'end') end = event
      else if (event.type === 'file') context.show(artifactOf(event.name, event.content))
      else {
        texts[event.stream].add(event.text)
        context.output(event.stream, event.text)
      }
    }
    context.signal.throwIfAborted()
    if (!end || end.outcome === 'crashed' || end.outcome === 'cancelled')
      throw new SiloError('tool_failed', {
        params: { name: title, detail: end?.error ?? 'the jail ended' },
      })
    if (end.outcome !== 'done' && end.outcome !== 'error')
      throw new SiloError('sandbox_limit', {
        params: { detail: reasons[end.outcome][context.language] },
      })
    return await use({ end, stdout: texts.stdout.text(), stderr: texts.stderr.text() })
  } finally {
    if (end) await rm(end.folder, { recursive: true, force: true })
  }
}

class Excerpt {
  #start = ''
  #end = ''
  #left = 0

  add(text: string): void {
    const room = keptStart - this.#start.length
    this.#start += text.slice(0, Math.max(0, room))
    const rest = room > 0 ? text.slice(room) : text
    this.#end += rest
    if (this.#end.length > 2 * keptEnd) {
      this.#left += this.#end.length - keptEnd
      this.#end = this.#end.slice(-keptEnd)
    }
  }

  text(): string {
    const gap = this.#left > 0 ? `\n… ${this.#left} characters left out …\n` : ''
    return this.#start + gap + this.#end
  }
}
