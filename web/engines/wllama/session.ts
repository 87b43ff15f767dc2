import { Wllama, type WllamaLogger } from '@wllama/wllama/esm/index.js'
import type { LoadPlan, ModelFile } from '#shared/contracts/engine.ts'
import { SiloError } from '#shared/errors/silo-error.ts'

export interface WllamaAssets {
  readonly wasm: string
  readonly compatWorker: string
  readonly compatWasm: string
}

export interface SessionInit {
  readonly model: ModelFile
  readonly plan: LoadPlan
  /** The model's bytes. */
  readonly file: Blob
  readonly assets: WllamaAssets
  /** 1 where the page is not isolated. */
  readonly threads: number
  readonly signal: AbortSignal
}

/** Loading reads the whole file and builds the cache; slow phones take minutes. */
const loadLimit = 600_000
/**
 * Tokens per step of reading a prompt. Between steps an answer can be stopped and progress is told; the kernels
 * gain nothing from longer ones.
 */
const stepTokens = 64
const embedTokens = 512

/** wllama with a model in it: one worker, which ends with it. */
export interface Session {
  readonly wllama: Wllama
  readonly contextTokens: number
  readonly dimensions: number
  readonly threads: number
  /** The last thing the engine complained about, for the log. */
  complaint(): string
}

/** @throws SiloError model_corrupt, model_load_failed, out_of_memory; the signal's reason */
export async function startSession(init: SessionInit): Promise<Session> {
  const { model, plan, file, assets, threads, signal } = init
  signal.throwIfAborted()
  await requireGguf(file, model.id)
  const complaints: string[] = []
  const breaking = Promise.withResolvers<never>()
  breaking.promise.catch(() => {})
  const note = (...what: unknown[]): void => {
    complaints.push(what.map(String).join(' '))
    if (complaints.length > 40) complaints.shift()
    // wllama hands errors of the worker's own script to the log and then waits for ever.
    if (what[0] instanceof ErrorEvent)
      breaking.reject(new Error(what[0].message || 'the worker failed'))
  }
  const logger: WllamaLogger = { debug() {}, log() {}, warn: note, error: note }
  const wllama = new Wllama({ default: assets.wasm }, { logger, modelManager: noDownloads() })
  wllama.setCompat({ worker: assets.compatWorker, wasm: assets.compatWasm })
  const embed = model.task === 'embed'
  const loading = wllama.loadModel([file], {
    // isSupportWebGPU() says yes where there is no adapter; web-llm is what uses the GPU here.
    n_gpu_layers: 0,
    n_threads: threads,
    warmup: false,
    ctx_shift: false,
    jinja: true,
    skip_chat_parsing: true,
    reasoning_format: 'none',
    ...(embed
      ? { embeddings: true, n_ctx: embedTokens, n_batch: embedTokens, n_ubatch: embedTokens, n_parallel: 1 } // prettier-ignore
      : {
          n_ctx: plan.contextTokens * plan.parallel,
          n_parallel: plan.parallel,
          kv_unified: false,
          n_batch: stepTokens,
          n_ubatch: stepTokens,
        }),
  })
  try {
    await within(Promise.race([loading, breaking.promise]), signal)
    const info = wllama.getLoadedContextInfo()
    if (!(info.n_vocab > 0)) throw new Error('the engine could not load it')
    const trained = info.n_ctx_train
    return {
      wllama,
      contextTokens: Math.min(embed ? embedTokens : plan.contextTokens, trained),
      dimensions: embed ? info.n_embd : 0,
      threads: wllama.getNumThreads(),
      complaint: () => complaints.at(-1) ?? '',
    }
  } catch (cause) {
    loading.catch(() => {})
    await wllama.exit().catch(() => {})
    signal.throwIfAborted()
    throw loadFailure(model.id, complaints, cause)
  }
}

function loadFailure(model: string, complaints: readonly string[], cause: unknown): SiloError {
  const said = [...complaints, cause instanceof Error ? cause.message : String(cause)].join('\n')
  const params = { model }
  if (/out of memory|failed to allocate|cannot enlarge|memory access out of bounds/i.test(said))
    return new SiloError('out_of_memory', { params, cause })
  if (/corrupted|incomplete|failed to read|invalid magic|bad magic/i.test(said))
    return new SiloError('model_corrupt', { params, cause })
  return new SiloError('model_load_failed', { params, cause: new Error(said.slice(-2000)) })
}

async function requireGguf(file: Blob, model: string): Promise<void> {
  const head = new Uint8Array(await file.slice(0, 4).arrayBuffer())
  if (new TextDecoder().decode(head) !== 'GGUF')
    throw new SiloError('model_corrupt', { params: { model } })
}

function within<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('loading took too long')), loadLimit)
    const leave = (): void => reject(signal.reason)
    signal.addEventListener('abort', leave, { once: true })
    promise.then(resolve, reject).finally(() => {
      clearTimeout(timer)
      signal.removeEventListener('abort', leave)
    })
  })
}

/** Files come from Silo's own store; wllama's downloads and its cache are never used. */
function noDownloads(): never {
  return {} as never
}
