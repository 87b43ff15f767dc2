import compatWorker from '@wllama/wllama-compat/wasm/wllama.js?url'
import compatWasm from '@wllama/wllama-compat/wasm/wllama.wasm?url'
import wasm from '@wllama/wllama/esm/wasm/wllama.wasm?url'

/** Served with the app: nothing comes from elsewhere. */
export const wllamaAssets = { wasm, compatWorker, compatWasm }
