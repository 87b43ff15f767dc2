/** What WebAssembly can do here, found by running small modules. */
export interface WasmFeatures {
  readonly simd: boolean
  /** Shared memory and atomics work: the page is isolated and the browser has threads. */
  readonly threads: boolean
  /** 64-bit memory and promise integration: without both, wllama needs its compatibility build. */
  readonly memory64: boolean
  readonly promises: boolean
}

/** `(func (result i32) i32.const 7 i32x4.splat i32.const 35 i32x4.splat i32x4.add i32x4.extract_lane 3)`, named `f`. */
const simdModule = new Uint8Array([
  0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 127, 3, 2, 1, 0, 7, 5, 1, 1, 102, 0, 0, 10, 18, 1,
  16, 0, 65, 7, 253, 17, 65, 35, 253, 17, 253, 174, 1, 253, 27, 3, 11,
])

/** A shared memory of one page, and a function `f` that adds 41 to its first word atomically and loads it. */
const threadModule = new Uint8Array([
  0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 127, 3, 2, 1, 0, 5, 4, 1, 3, 1, 1, 7, 5, 1, 1,
  102, 0, 0, 10, 19, 1, 17, 0, 65, 0, 65, 41, 254, 30, 2, 0, 26, 65, 0, 254, 16, 2, 0, 11,
])

let found: Promise<WasmFeatures> | undefined

export function wasmFeatures(): Promise<WasmFeatures> {
  found ??= measure()
  return found
}

async function measure(): Promise<WasmFeatures> {
  return {
    simd: (await answer(simdModule)) === 42,
    threads:
      globalThis.crossOriginIsolated === true &&
      typeof SharedArrayBuffer === 'function' &&
      (await answer(threadModule)) === 41,
    memory64: hasMemory64(),
    promises: 'Suspending' in WebAssembly,
  }
}

async function answer(module: Uint8Array<ArrayBuffer>): Promise<unknown> {
  try {
    const { instance } = await WebAssembly.instantiate(module)
    const { f } = instance.exports
    return typeof f === 'function' ? f() : undefined
  } catch {
    return undefined
  }
}

function hasMemory64(): boolean {
  try {
    // Not in the type library yet.
    return Boolean(new WebAssembly.Memory({ address: 'i64', initial: 1n } as never))
  } catch {
    return false
  }
}
