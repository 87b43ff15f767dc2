import { createRequire } from 'node:module'

/** What is used of onnxruntime-node, whose package brings no types. */
export interface Runtime {
  readonly InferenceSession: {
    create(path: string, options: { intraOpNumThreads: number }): Promise<Session>
  }
  readonly Tensor: new (type: 'float32', data: Float32Array, dims: readonly number[]) => Tensor
}

export interface Session {
  readonly inputNames: readonly string[]
  readonly outputNames: readonly string[]
  run(feeds: Record<string, Tensor>): Promise<Record<string, Tensor>>
}

export interface Tensor {
  readonly data: Float32Array
  readonly dims: readonly number[]
}

const require = createRequire(import.meta.url)

/** @throws Error on machines for which there is no build */
export function loadRuntime(): Runtime {
  return require('onnxruntime-node') as Runtime
}
