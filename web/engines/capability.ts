import type { PageModel } from './page-models/catalogue.ts'
import type { WasmFeatures } from './wasm-features.ts'

export interface GpuProbe {
  /** `works`: a kernel ran and its numbers were right. `software`: so, but on the processor. */
  readonly state: 'works' | 'software' | 'broken' | 'none'
  /** A kernel in half precision ran as well. */
  readonly f16: boolean
  /** Bytes. */
  readonly storageBinding: number
  readonly description: string
}

/** What this browser can do; `probePage` finds out. */
export interface PageProbe {
  readonly wasm: WasmFeatures
  readonly gpu: GpuProbe
  readonly platform: 'iphone' | 'ipad' | 'android' | 'desktop'
  readonly cores: number
  /** Bytes as the browser tells them, rounded and capped at 8 GiB; absent where it does not. */
  readonly deviceMemory?: number
  readonly storage: {
    /** Files can be stored; not so in some private windows. */
    readonly available: boolean
    /** Bytes still free to this site. */
    readonly free: number
    /** The browser will not clear it on its own. */
    readonly persisted: boolean
  }
}

/** Why a model can run here, or cannot: a code that the UI translates. */
export type PageReason =
  | 'gpu'
  | 'threads'
  | 'single-thread'
  | 'no-simd'
  | 'no-gpu'
  | 'software-gpu'
  | 'broken-gpu'
  | 'no-f16'
  | 'small-gpu'
  | 'little-memory'
  | 'no-storage'

export type PageChoice =
  | {
      readonly engine: 'wllama' | 'web-llm'
      readonly model: PageModel
      readonly reason: 'gpu' | 'threads' | 'single-thread'
      /** Tokens to load it with. */
      readonly contextTokens: number
      readonly threads: number
    }
  | { readonly engine: 'retrieval'; readonly reason: PageReason | 'last-step' }

const megabyte = 1024 * 1024
const gigabyte = 1024 * megabyte
/** Beside weights and cache: buffers of the engine, its code, and the page itself. */
const overhead = 160 * megabyte
/** One WebAssembly memory can't be larger in the builds used. */
const wasmLimit = 4 * gigabyte

/**
 * Bytes a tab may use before the system ends it. WebKit kills tabs of an iPhone somewhere above 1 GB, earlier
 * on old ones, and reports nothing; other systems give a tab a share of the memory they tell.
 */
export function tabMemory(probe: PageProbe): number {
  if (probe.platform === 'iphone') return 450 * megabyte
  if (probe.platform === 'ipad') return 900 * megabyte
  const memory = probe.deviceMemory ?? (probe.platform === 'android' ? 2 : 4) * gigabyte
  return Math.min(wasmLimit, memory * (probe.platform === 'android' ? 0.25 : 0.4))
}

/** Threads for wllama. iOS has shared memory, but its limits make large shared memories fail to grow. */
export function pageThreads(probe: PageProbe): number {
  if (!probe.wasm.threads || isApple(probe)) return 1
  const { cores } = probe
  // Half of many cores: the others are hyper-threads, or the slow ones of a phone.
  return cores <= 4 ? Math.max(1, cores) : Math.min(8, Math.floor(cores / 2))
}

/** Tokens of context for a model here. */
export function pageContext(model: PageModel, probe: PageProbe): number {
  const wanted = tabMemory(probe) >= gigabyte ? 4096 : 2048
  return Math.min(model.contextLength, wanted)
}

/** Can this model run in this browser, and why (not)? */
export function fitOf(
  model: PageModel,
  probe: PageProbe,
): { readonly runs: boolean; readonly reason: PageReason } {
  const no = (reason: PageReason) => ({ runs: false, reason })
  if (!probe.storage.available) return no('no-storage')
  if (model.engine === 'web-llm') {
    const { gpu } = probe
    if (gpu.state !== 'works')
      return no(gpu.state === 'none' ? 'no-gpu' : gpu.state === 'software' ? 'software-gpu' : 'broken-gpu') // prettier-ignore
    if (model.gpu?.f16 && !gpu.f16) return no('no-f16')
    if (gpu.storageBinding < (model.gpu?.storageBinding ?? 0)) return no('small-gpu')
    if (model.memory > gpuMemory(probe)) return no('little-memory')
    return { runs: true, reason: 'gpu' }
  }
  if (!probe.wasm.simd) return no('no-simd')
  const needed = model.memory + model.kvBytesPerToken * pageContext(model, probe) + overhead
  if (needed > tabMemory(probe)) return no('little-memory')
  return { runs: true, reason: pageThreads(probe) > 1 ? 'threads' : 'single-thread' }
}

/**
 * Chat models that can run here, best first; the last step is always retrieval only. A GPU beats the processor;
 * the better model comes first where the device is quick enough for it, else the quicker one.
 */
export function choosePageEngine(probe: PageProbe, catalogue: readonly PageModel[]): PageChoice[] {
  const strong = isStrong(probe)
  const fits = catalogue
    .filter((model) => model.task === 'chat')
    .map((model) => ({ model, ...fitOf(model, probe) }))
  const running = fits.filter(({ runs }) => runs)
  const rank = ({ model, reason }: (typeof fits)[number]): number =>
    reason === 'gpu'
      ? // Half precision is quicker; of the rest the larger model.
        3e9 + model.parameters + (model.gpu?.f16 ? 1 : 0)
      : strong
        ? model.parameters
        : -model.parameters
  running.sort((a, b) => rank(b) - rank(a))
  const choices = running.map(({ model, reason }): PageChoice => ({
    engine: model.engine,
    model,
    reason: reason === 'gpu' || reason === 'threads' ? reason : 'single-thread',
    contextTokens: pageContext(model, probe),
    threads: model.engine === 'wllama' ? pageThreads(probe) : 1,
  }))
  const why = fits.find(({ runs, model }) => !runs && model.engine === 'wllama')?.reason
  return [
    ...choices,
    { engine: 'retrieval', reason: choices.length > 0 ? 'last-step' : (why ?? 'no-simd') },
  ]
}

/** Quick enough on the processor for a model of half a billion parameters: some five tokens a second. */
function isStrong(probe: PageProbe): boolean {
  const threads = pageThreads(probe)
  if (isApple(probe)) return false
  if (probe.platform === 'android') return threads >= 4 && (probe.deviceMemory ?? 0) >= 6 * gigabyte
  return threads >= 2
}

function gpuMemory(probe: PageProbe): number {
  if (isApple(probe)) return tabMemory(probe)
  const memory = probe.deviceMemory ?? (probe.platform === 'android' ? 2 : 4) * gigabyte
  return memory * (probe.platform === 'android' ? 0.3 : 0.5)
}

function isApple(probe: PageProbe): boolean {
  return probe.platform === 'iphone' || probe.platform === 'ipad'
}
