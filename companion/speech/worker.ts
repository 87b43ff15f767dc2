import { createRequire } from 'node:module'
import * as v from 'valibot'
import { toWorkerSchema, type FromWorker, type ToWorker } from './messages.ts'

/** Entry of the recogniser's child process: whisper.cpp, spoken to over IPC. */

/** What is used of the binding; its own types are sources that do not compile under this project's settings. */
interface Binding {
  initWhisper(options: {
    filePath: string
    useGpu: boolean
    useFlashAttn: boolean
  }): Promise<Context>
}
interface Context {
  transcribeData(
    pcm: ArrayBuffer,
    options: Record<string, string | number>,
  ): {
    promise: Promise<{
      language?: string
      segments: { t0: number; t1: number; text: string }[]
    }>
  }
}

const { initWhisper } = createRequire(import.meta.url)('@fugood/whisper.node') as Binding
const contexts = new Map<string, Promise<Context>>()

function send(message: FromWorker): void {
  if (process.connected) process.send?.(message)
}

async function transcribe({ id, path, pcm, language, prompt, threads }: ToWorker): Promise<void> {
  let context = contexts.get(path)
  if (!context) {
    context = initWhisper({ filePath: path, useGpu: true, useFlashAttn: true })
    contexts.set(path, context)
  }
  const job = (await context).transcribeData(Uint8Array.from(pcm).buffer, {
    language,
    ...(prompt ? { prompt } : {}),
    temperature: 0,
    // Fewer second tries than the library's own: each decodes everything again.
    temperatureInc: 0.4,
    bestOf: 2,
    maxThreads: threads,
  })
  const result = await job.promise
  send({
    op: 'done',
    id,
    ...(result.language === undefined ? {} : { language: result.language }),
    segments: result.segments,
  })
}

process.on('message', (input) => {
  const parsed = v.safeParse(toWorkerSchema, input)
  if (!parsed.success) return
  const { id, path } = parsed.output
  transcribe(parsed.output).catch((error: unknown) => {
    contexts.delete(path)
    send({ op: 'error', id, detail: error instanceof Error ? error.message : String(error) })
  })
})
// A terminal's Ctrl+C reaches the whole group: the parent decides when this process ends.
process.on('SIGINT', () => {})
// Native threads may be computing; nothing here is worth an orderly end.
process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'))
